/**
 * From rounds to a table for people and rows for programs.
 */
import type { Series } from "./measure.ts";
import type { MeasuredSample } from "./pair.ts";
import { median, medianRatio } from "./statistics.ts";

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

/** One table for each case. `bases` are the subjects to compare with; those that were not run have no column. */
export function formatReport(all: readonly Series[], bases: readonly string[]): string {
  const cases = new Set(all.map(({ benchCase }) => benchCase));
  return [...cases]
    .map((one) =>
      formatCase(
        all.filter(({ benchCase }) => benchCase === one),
        bases,
      ),
    )
    .join("\n\n");
}

function formatCase(series: readonly Series[], bases: readonly string[]): string {
  const [first] = series;
  if (!first) return "";
  const { name, what, kind } = first.benchCase;
  const measured = bases.flatMap((base) => series.filter(({ subject }) => subject === base));
  const unit = kind === "unary" ? "calls/s" : "items/s";
  const head = [
    "subject",
    unit,
    "min..max",
    "p50 ms",
    "p99 ms",
    ...measured.map(({ subject }) => `x ${subject}`),
    "cpu us/call",
    ...measured.map(({ subject }) => `cpu x ${subject}`),
  ];
  const lines = series.map((one) => [
    ...cellsOf(one),
    ...measured.map((base) => ratioOf(one, base, ({ perSecond }) => perSecond)),
    String(rowOf(one).cpuUsPerCall),
    // Upside down, so that more is better in all columns of ratios.
    ...measured.map((base) => ratioOf(base, one, ({ cpuUsPerCall }) => cpuUsPerCall)),
  ]);
  return `${name} (${what})\n${formatTable([head, ...lines])}`;
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
