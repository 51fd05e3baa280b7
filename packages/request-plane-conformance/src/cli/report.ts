/**
 * A report for people and for programs.
 */
import type { ConformanceReport } from "../run-conformance.ts";
import type { CaseResult } from "../runner.ts";

const STATUSES = ["passed", "failed", "not run"] as const;

/** A table of groups, then what failed, then why cases were not run. */
export function tableOf({ results, passed, failed, notRun, durationMs }: ConformanceReport): string {
  const rows = [...Map.groupBy(results, ({ group }) => group)].map(([group, cases]) => [
    group,
    ...STATUSES.map((status) => String(cases.filter((result) => result.status === status).length)),
  ]);
  const total = ["all", String(passed), String(failed), String(notRun)];
  return [
    ...columns([["group", ...STATUSES], ...rows, total]),
    ...results.flatMap(failureLines),
    ...reasonLines(results),
    `${(durationMs / 1000).toFixed(1)} s`,
    "",
  ].join("\n");
}

/** One object, without what JSON can't hold. */
export function jsonOf({ results, ...numbers }: ConformanceReport): string {
  const plain = results.map((result) =>
    result.status === "failed" ? { ...result, error: result.error.message } : result,
  );
  return `${JSON.stringify({ ...numbers, results: plain }, undefined, 2)}\n`;
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>(
    (max, row) => row.map((cell, i) => Math.max(max[i] ?? 0, cell.length)),
    [],
  );
  return rows.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  "),
  );
}

function failureLines(result: CaseResult): string[] {
  if (result.status !== "failed") return [];
  return ["", `FAILED ${result.group}: ${result.name}`, `  ${result.error.message.split("\n").join("\n  ")}`];
}

function reasonLines(results: readonly CaseResult[]): string[] {
  const reasons = results.flatMap((result) => (result.status === "not run" ? [result.reason] : []));
  const lines = [...Map.groupBy(reasons, (reason) => reason)].map(
    ([reason, cases]) => `${cases.length} not run: ${reason}`,
  );
  return ["", ...lines];
}
