/**
 * The result for people at a terminal.
 */
import type { CellResult } from "./cell.ts";

const MARKS = { pass: "pass", cannot: "cannot", fail: "FAIL" } as const;
const PASSED_LATER = "pass 2";

/** One line, while the suite runs. */
export function lineOf(result: CellResult): string {
  const { release, plane, section, name, durationMs } = result;
  const where = `${release} ${plane}`.padEnd(10);
  const seconds = `${(durationMs / 1000).toFixed(1)} s`.padStart(7);
  return `${markOf(result).padEnd(6)} ${where} ${seconds}  ${section}: ${name}`;
}

/** A row for each cell, a column for each release and plane; then what failed, and what can't be and why. */
export function tableOf(results: readonly CellResult[]): string {
  const columns = [...new Set(results.map(columnOf))];
  const sections = Map.groupBy(results, ({ section }) => section);
  const lines = [...sections].flatMap(([section, ofSection]) => {
    const rows = [...Map.groupBy(ofSection, ({ name }) => name)].map(([name, ofCell]) => [
      ...columns.map((column) => markOf(ofCell.find((result) => columnOf(result) === column))),
      name,
    ]);
    return ["", section, ...aligned([[...columns, ""], ...rows])];
  });
  const ends = [...reasons(results), ...failures(results), totalOf(results)];
  return [...lines, "", ...ends].join("\n");
}

export function totalOf(results: readonly CellResult[]): string {
  const count = (status: CellResult["status"]): number => results.filter((r) => r.status === status).length;
  const later = results.filter(passedLater).length;
  const noted = later > 0 ? ` (${later} at the second try)` : "";
  return `${count("pass")} pass${noted}, ${count("cannot")} cannot be, ${count("fail")} fail.`;
}

function passedLater(result: CellResult): boolean {
  return result.status === "pass" && result.failedFirst !== undefined;
}

function columnOf({ release, plane }: CellResult): string {
  return `${release} ${plane}`;
}

function markOf(result: CellResult | undefined): string {
  if (!result) return "";
  return passedLater(result) ? PASSED_LATER : MARKS[result.status];
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) => `  ${row.map((text, i) => text.padEnd(widths[i] ?? 0)).join("  ")}`.trimEnd());
}

/** One line for each reason of a cell, with all the places where it holds. */
function reasons(results: readonly CellResult[]): string[] {
  const told = results.flatMap((r) => (r.status === "cannot" ? [{ text: `${r.name}: ${r.why}`, ...r }] : []));
  const lines = [...Map.groupBy(told, ({ text }) => text)].map(
    ([text, cells]) => `  ${text} (${cells.map(columnOf).join(", ")})`,
  );
  return lines.length > 0 ? ["Cannot be:", ...lines, ""] : [];
}

/** Those of first tries too. */
function failures(results: readonly CellResult[]): string[] {
  return results.flatMap((r) => {
    const what = r.status === "fail" ? r.what : r.status === "pass" ? r.failedFirst : undefined;
    if (what === undefined) return [];
    const where = `${columnOf(r)}: ${r.section}: ${r.name}`;
    const head =
      r.status === "fail" ? `FAIL ${where}` : `Passed at the second try: ${where}. The first one failed:`;
    return [head, `  ${what.split("\n").join("\n  ")}`, ""];
  });
}
