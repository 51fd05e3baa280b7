/**
 * `npm run bench`: the machine, the measurement, the table.
 */
import { mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { machineFacts } from "./machine.ts";
import { measure } from "./measure.ts";
import { prepareNats } from "./nats.ts";
import { parseOptions } from "./options.ts";
import type { BenchOptions } from "./options.ts";
import { Pair } from "./pair.ts";
import type { PairOptions } from "./pair.ts";
import { profile } from "./profiling.ts";
import { formatReport, rowOf } from "./report.ts";
import type { Comparison } from "./report.ts";
import type { Subject } from "./subject.ts";
import { COMMON_BASE } from "./subjects.ts";

const { stdout, stderr } = process;
// Each process of the bench adds one; the default warns at the eleventh.
process.setMaxListeners(0);
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
  const { signal } = interruption;
  const report = (line: string): void => void stderr.write(`${line}\n`);
  await using prepared = await prepareNats(options.subjects, { report, signal });
  const { subjects, natsUrl } = prepared;
  if (subjects.length === 0) throw new Error("Nothing is left to measure");
  const possible = { ...options, subjects };
  const pairOptions = { discoveryRoot: folder.path, natsUrl, signal };
  if (options.profile === undefined) await measureAndShow(possible, pairOptions);
  else await profileAndShow(possible, options.profile, pairOptions);
}

async function measureAndShow({ plan, subjects, json }: BenchOptions, options: PairOptions): Promise<void> {
  await using started = new AsyncDisposableStack();
  const pairs: Pair[] = [];
  for (const subject of subjects) pairs.push(started.use(await Pair.start(subject, options)));
  const all = await measure(plan, pairs, (line) => stderr.write(`${line}\n`));
  stdout.write(`\n${formatReport(all, comparisons(subjects))}\n`);
  if (json !== undefined) await writeFile(json, `${JSON.stringify(all.map(rowOf), null, 2)}\n`);
}

function comparisons(subjects: readonly Subject[]): Comparison[] {
  const rivals = new Map(subjects.map(({ name, rival }) => [name, rival]));
  return [
    { title: "bare", baseOf: (subject) => rivals.get(subject) },
    { title: COMMON_BASE.name, baseOf: () => COMMON_BASE.name },
  ];
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
