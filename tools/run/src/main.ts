import { spawn } from "node:child_process";
import { constants } from "node:os";
import { createInterface } from "node:readline";
import { Summary } from "./summary.ts";

// Tests start programs hundreds of times, in half the time when Node keeps what it has compiled.
const compiled = new URL("../../../node_modules/.cache/node/", import.meta.url).pathname;
// Turbo has no setting in turbo.json for telemetry, only a file in the user's home or the environment.
const settings = { TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1" };
const env: NodeJS.ProcessEnv = { NODE_COMPILE_CACHE: compiled, ...process.env, ...settings };
const color = process.stdout.isTTY && env["NO_COLOR"] === undefined ? ["--color"] : [];

// A run that was stopped has checked nothing, though turbo then ends with 0.
let stoppedBy = 0;
process.on("SIGINT", () => (stoppedBy = constants.signals.SIGINT)); // the terminal tells turbo too
process.on("SIGTERM", () => {
  stoppedBy = constants.signals.SIGTERM;
  turbo.kill("SIGTERM");
});

const turbo = spawn("turbo", [...color, ...process.argv.slice(2)], {
  env,
  stdio: ["inherit", "pipe", "inherit"],
  shell: process.platform === "win32",
});

const summary = new Summary();
const lines = createInterface({ input: turbo.stdout, crlfDelay: Infinity });
lines.on("line", (line) => {
  summary.add(line);
  process.stdout.write(`${line}\n`);
});

turbo.on("error", (error) => {
  process.stderr.write(`turbo did not start: ${error.message}\n`);
  process.exitCode = 1;
});
turbo.on("close", (code) => {
  process.exitCode = stoppedBy > 0 ? 128 + stoppedBy : (code ?? 1);
  for (const test of summary.secondTries) process.stdout.write(`SECOND TRY ${test}\n`);
  for (const failure of summary.failures) process.stdout.write(`FAIL ${failure}\n`);
  const total = summary.total;
  if (total) process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
});
