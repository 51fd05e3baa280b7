/**
 * The result for people at a terminal.
 */
import type { CellResult } from "./cell.ts";

const MARKS = { pass: "pass", cannot: "cannot", fail: "FAIL" } as const;

/** One line, while the suite runs. */
export function lineOf(result: CellResult): string {
  const { release, plane, section, name, durationMs } = result;
  const where = `${release} ${plane}`.padEnd(10);
  const seconds = `${(durationMs / 1000).toFixed(1)} s`.padStart(7);
  return `${MARKS[result.status].padEnd(6)} ${where} ${seconds}  ${section}: ${name}`;
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
  return [...lines, "", ...reasons(results), ...failures(results), totalOf(results)].join("\n");
}

export function totalOf(results: readonly CellResult[]): string {
  const count = (status: CellResult["status"]): number => results.filter((r) => r.status === status).length;
  return `${count("pass")} pass, ${count("cannot")} cannot be, ${count("fail")} fail.`;
}

function columnOf({ release, plane }: CellResult): string {
  return `${release} ${plane}`;
}

function markOf(result: CellResult | undefined): string {
  return result ? MARKS[result.status] : "";
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

function failures(results: readonly CellResult[]): string[] {
  return results.flatMap((r) =>
    r.status === "fail"
      ? [`FAIL ${columnOf(r)}: ${r.section}: ${r.name}`, `  ${r.what.split("\n").join("\n  ")}`, ""]
      : [],
  );
}
