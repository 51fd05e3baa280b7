/**
 * From rounds to a table for people and rows for programs.
 */
import type { Series } from "./measure.ts";
import type { MeasuredSample } from "./pair.ts";
import { median, medianRatio } from "./statistics.ts";
import type { Group } from "./subjects.ts";

/** In a cell without a ratio. */
const NOTHING = "-";

/** What `--json` writes, one for each case and subject. Medians of the rounds. */
export interface Row {
  readonly case: string;
  readonly subject: string;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of client and server together for one call, in microseconds. */
  readonly cpuUsPerCall: number;
}

export function rowOf({ benchCase, subject, samples }: Series): Row {
  return {
    case: benchCase.name,
    subject,
    perSecond: Math.round(median(samples.map(({ perSecond }) => perSecond))),
    p50Ms: rounded(median(samples.map(({ p50Ms }) => p50Ms))),
    p99Ms: rounded(median(samples.map(({ p99Ms }) => p99Ms))),
    cpuUsPerCall: Math.round(median(samples.map(({ cpuUsPerCall }) => cpuUsPerCall))),
  };
}

/** A column of ratios to another subject. */
export interface Comparison {
  readonly title: string;
  /** The name of the subject to compare with; without one, or when it was not run, there is no ratio. */
  readonly baseOf: (subject: string) => string | undefined;
}

/** Each subject with its rival, and with the bases that the whole group has. */
export function comparisonsOf({ subjects, bases }: Group): Comparison[] {
  const rivals = new Map(subjects.map(({ name, rival }) => [name, rival]));
  const own: Comparison = { title: "rival", baseOf: (subject) => rivals.get(subject) };
  return [own, ...bases.map((base) => ({ title: base, baseOf: () => base }))];
}

/** The series of each case. */
export function casesOf(all: readonly Series[]): (readonly Series[])[] {
  return [...Map.groupBy(all, ({ benchCase }) => benchCase.name).values()];
}

/** One table for each case. */
export function formatReport(all: readonly Series[], comparisons: readonly Comparison[]): string {
  return casesOf(all)
    .map((series) => {
      const { name = "", what = "" } = series[0]?.benchCase ?? {};
      return `${name} (${what})\n${formatTable(caseLines(series, comparisons))}`;
    })
    .join("\n\n");
}

/** Head and lines of the table of one case. */
export function caseLines(series: readonly Series[], comparisons: readonly Comparison[]): string[][] {
  const head = [
    "subject",
    `${series[0]?.benchCase.counted ?? ""}/s`,
    "min..max",
    "p50 ms",
    "p99 ms",
    ...comparisons.map(({ title }) => `vs ${title}`),
    "cpu us/call",
    ...comparisons.map(({ title }) => `cpu vs ${title}`),
  ];
  const lines = series.map((one) => {
    const bases = comparisons.map(({ baseOf }) => otherOf(series, one, baseOf(one.subject)));
    return [
      ...cellsOf(one),
      ...bases.map((base) => base && ratioOf(one, base, ({ perSecond }) => perSecond)),
      String(rowOf(one).cpuUsPerCall),
      // Upside down, so that more is better in all columns of ratios.
      ...bases.map((base) => base && ratioOf(base, one, ({ cpuUsPerCall }) => cpuUsPerCall)),
    ].map((cell) => (cell === undefined || cell === "NaN" ? NOTHING : cell));
  });
  return [head, ...lines];
}

function otherOf(all: readonly Series[], one: Series, name: string | undefined): Series | undefined {
  return all.find((other) => other.subject === name && other !== one);
}

function cellsOf(series: Series): string[] {
  const row = rowOf(series);
  const speeds = series.samples.map(({ perSecond }) => Math.round(perSecond));
  const spread = `${Math.min(...speeds)}..${Math.max(...speeds)}`;
  return [row.subject, String(row.perSecond), spread, row.p50Ms.toFixed(3), row.p99Ms.toFixed(3)];
}

function ratioOf(one: Series, base: Series, figure: (sample: MeasuredSample) => number): string {
  return medianRatio(one.samples.map(figure), base.samples.map(figure)).toFixed(2);
}

/** Columns as wide as their widest cell; all but the first are set to the right. */
export function formatTable(lines: readonly (readonly string[])[]): string {
  const columns = Math.max(...lines.map(({ length }) => length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? "").length)),
  );
  const pad = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0);
  return lines.map((line) => line.map(pad).join("  ")).join("\n");
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
