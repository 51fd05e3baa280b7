/**
 * `npm run bench`: the machine, the measurement, the table.
 */
import { mkdtempDisposable, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chartOf } from "./chart.ts";
import { prepareDynamo } from "./dynamo-wheel.ts";
import { formatIdle, idleRowOf, measureIdle } from "./idle.ts";
import type { IdleStreams } from "./idle.ts";
import { sectionIn, withSection } from "./kv-trace/section.ts";
import { machineFacts } from "./machine.ts";
import { measure } from "./measure.ts";
import { prepareNats } from "./nats.ts";
import { parseOptions } from "./options.ts";
import type { BenchOptions } from "./options.ts";
import { CHART_FILE, pageOf } from "./page.ts";
import type { MeasuredGroup, PageFacts, Results } from "./page.ts";
import type { PairOptions } from "./pair.ts";
import { profile } from "./profiling.ts";
import { comparisonsOf, formatReport, rowOf } from "./report.ts";
import { IDLE_CASE, OURS } from "./subjects.ts";
import { ourFrontend } from "./subjects/frontends.ts";
import { measuredVersions } from "./versions.ts";

const DOCS = new URL("../../../docs/", import.meta.url);
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
  const machine = machineFacts();
  stdout.write(`${machine}\n\n`);
  await using folder = await mkdtempDisposable(join(tmpdir(), "dynamo-bench-"));
  const { signal } = interruption;
  const asked = [...options.groups.flatMap(({ subjects }) => subjects), ...options.idle.subjects];
  const { subjects: withDynamo, dynamoPython } = await prepareDynamo(asked, report);
  await using prepared = await prepareNats(withDynamo, { report, signal });
  const { subjects: possible, natsUrl } = prepared;
  if (possible.length === 0) throw new Error("Nothing is left to measure");
  const groups = options.groups.map((group) => ({
    ...group,
    subjects: group.subjects.filter((subject) => possible.includes(subject)),
  }));
  const missing = new Set(asked.filter((subject) => !possible.includes(subject)).map(({ name }) => name));
  const pairOptions = { discoveryRoot: folder.path, natsUrl, dynamoPython, signal };
  if (options.profile === undefined)
    await measureAndShow({ ...options, groups }, pairOptions, { machine, missing: [...missing] });
  else await profileAndShow({ ...options, groups }, options.profile, pairOptions);
}

async function measureAndShow(
  options: BenchOptions,
  pair: PairOptions,
  about: Pick<PageFacts, "machine" | "missing">,
): Promise<void> {
  const { plan, groups, json } = options;
  const measured: MeasuredGroup[] = [];
  for (const group of groups) {
    const series = await measure(group, plan, { pair, report });
    stdout.write(`\n${formatReport(series, comparisonsOf(group))}\n\n`);
    measured.push({ group, series });
  }
  const idle = await measureAllIdle(options, pair);
  if (idle.length > 0) stdout.write(`${formatIdle(idle)}\n`);
  const rows = [...measured.flatMap(({ series }) => series.map(rowOf)), ...idle.map(idleRowOf)];
  if (json !== undefined) await writeFile(json, `${JSON.stringify(rows, null, 2)}\n`);
  if (options.write) await writePage({ measured, idle }, { ...about, plan });
}

async function writePage(results: Results, about: Omit<PageFacts, "date" | "versions">): Promise<void> {
  const date = new Date().toISOString().slice(0, 10);
  const versions = await measuredVersions(results.measured.flatMap(({ group }) => group.subjects));
  const file = new URL("benchmarks.md", DOCS);
  const kept = sectionIn(await readFile(file, "utf8"));
  const page = withSection(pageOf(results, { ...about, date, versions }), kept);
  const series = results.measured.flatMap((group) => group.series);
  const highlighted = [...OURS, ourFrontend].map(({ name }) => name);
  await writeFile(file, page);
  await writeFile(new URL(CHART_FILE, DOCS), chartOf(series, { highlighted }));
}

async function measureAllIdle({ idle }: BenchOptions, pair: PairOptions): Promise<IdleStreams[]> {
  const all: IdleStreams[] = [];
  if (idle.subjects.length > 0) report(`${IDLE_CASE}: memory of ${idle.streams} open streams`);
  for (const subject of idle.subjects) {
    try {
      all.push(await measureIdle(subject, idle.streams, pair));
    } catch (error) {
      // Not every machine allows a process so many connections, and not every program so many streams.
      interruption.signal.throwIfAborted();
      report(`Left out: ${IDLE_CASE} of ${subject.name} (${String(error)})`);
    }
  }
  return all;
}

async function profileAndShow(
  { plan, groups }: BenchOptions,
  folder: string,
  pair: PairOptions,
): Promise<void> {
  for (const { cases, subjects } of groups) {
    for (const benchCase of cases) {
      for (const subject of subjects) {
        stdout.write(`${await profile(subject, benchCase, { pair, folder, plan })}\n\n`);
      }
    }
  }
}

function report(line: string): void {
  stderr.write(`${line}\n`);
}
