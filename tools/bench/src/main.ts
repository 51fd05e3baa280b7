/**
 * `npm run bench`: the machine, the measurement, the table.
 */
import { mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { machineFacts } from "./machine.ts";
import { measure } from "./measure.ts";
import { parseOptions } from "./options.ts";
import type { BenchOptions } from "./options.ts";
import { Pair } from "./pair.ts";
import type { PairOptions } from "./pair.ts";
import { profile } from "./profiling.ts";
import { formatReport, rowOf } from "./report.ts";
import { BASES } from "./subjects.ts";

const { stdout, stderr } = process;
const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => interruption.abort(new Error(`Ended by ${signal}`)));
}

try {
  await run(parseOptions(process.argv.slice(2)));
} catch (error) {
  const cause: unknown = interruption.signal.aborted ? interruption.signal.reason : error;
  stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`);
  process.exitCode = 1;
}

async function run(options: BenchOptions): Promise<void> {
  stdout.write(`${machineFacts()}\n\n`);
  await using folder = await mkdtempDisposable(join(tmpdir(), "dynamo-bench-"));
  const pairOptions = { discoveryRoot: folder.path, signal: interruption.signal };
  if (options.profile === undefined) await measureAndShow(options, pairOptions);
  else await profileAndShow(options, options.profile, pairOptions);
}

async function measureAndShow({ plan, subjects, json }: BenchOptions, options: PairOptions): Promise<void> {
  await using started = new AsyncDisposableStack();
  const pairs: Pair[] = [];
  for (const subject of subjects) pairs.push(started.use(await Pair.start(subject, options)));
  const all = await measure(plan, pairs, (line) => stderr.write(`${line}\n`));
  const bases = BASES.map(({ name }) => name);
  stdout.write(`\n${formatReport(all, bases)}\n`);
  if (json !== undefined) await writeFile(json, `${JSON.stringify(all.map(rowOf), null, 2)}\n`);
}

async function profileAndShow(
  { plan, subjects }: BenchOptions,
  folder: string,
  options: PairOptions,
): Promise<void> {
  for (const benchCase of plan.cases) {
    for (const subject of subjects) {
      stdout.write(`${await profile(subject, benchCase, { pair: options, folder, plan })}\n\n`);
    }
  }
}
