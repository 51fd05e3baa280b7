#!/usr/bin/env node
import { runProgram } from "./cli/program.ts";

// A case that has failed may leave promises that nobody awaits any more; the report is what counts.
process.on("unhandledRejection", () => undefined);

process.exitCode = await runProgram(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
});
