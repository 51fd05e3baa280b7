import type { Row } from "./rows.ts";

/** A row of a table in a README, by the headings of its columns in lower case, without backticks. */
type TableRow = Record<string, string>;

/** What a README's tables say otherwise than these rows: a variable that is missing, another default or name. */
export function settingFaults(readme: string, rows: Row[]): string[] {
  const listed = tableRows(readme);
  const faults = rows.map((row) => {
    const found = listed.find((candidate) => candidate["variable"] === row.variable);
    return found ? faultOf(found, row) : `${row.variable} is in no table`;
  });
  const known = new Set(rows.map(({ variable }) => variable));
  const others = listed.flatMap(({ variable = "" }) =>
    variable === "" || known.has(variable) ? [] : [variable],
  );
  return [...faults.filter((fault) => fault !== undefined), ...others.map((name) => `${name} is no setting`)];
}

function faultOf(found: TableRow, row: Row): string | undefined {
  const name = found["option"] ?? found["flag"] ?? row.name;
  if (name !== row.name) return `${row.variable} is called ${name} and not ${row.name}`;
  const text = found["default"] ?? "";
  if (isSameDefault(text, row)) return undefined;
  return `${row.variable} has the default '${text}' and not '${row.default.text}'`;
}

/** A number may have a unit or an explanation after it: `10 s`. Sentences are for the README to put as it likes. */
function isSameDefault(text: string, { default: { text: expected, isValue } }: Row): boolean {
  if (!isValue || expected.includes(" ")) return text !== "";
  const [word] = text.split(" ");
  return word === expected || (word === "no" && expected === "false");
}

function tableRows(markdown: string): TableRow[] {
  return markdown.split(/\n(?!\|)/).flatMap((block) => {
    const [head = [], , ...rows] = block
      .split("\n")
      .filter((line) => line.startsWith("|"))
      .map(cellsOf);
    return rows.map((cells) =>
      Object.fromEntries(cells.map((cell, i) => [head[i]?.toLowerCase() ?? "", cell])),
    );
  });
}

function cellsOf(line: string): string[] {
  return line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll("`", ""));
}
