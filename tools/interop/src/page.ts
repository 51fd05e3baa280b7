/**
 * docs/interop.md: a section for each release, which a run of that release writes anew.
 */
import type { CellResult } from "./cell.ts";
import { ALL_RELEASES, PLANES } from "./releases.ts";
import type { Release } from "./releases.ts";
import { totalOf } from "./report.ts";

const INTRODUCTION = `# Proved against real Dynamo

\`npm run interop\` installs releases of Dynamo from PyPI and runs the packages against them: real processes on both
ends, over each plane that a release has. It writes this page. Each row is a cell of the suite; it passes, or a
note says why the release cannot do it. \`npm run interop -- --all\` runs all releases.
`;

export interface RunFacts {
  /** `2026-11-24` */
  readonly date: string;
  /** Of Python and Node. */
  readonly versions: string;
}

/** The page with the sections of the releases that were run; the others stay as they are. */
export function pageWith(page: string, results: readonly CellResult[], facts: RunFacts): string {
  const sections = sectionsOf(page);
  for (const [release, ofRelease] of Map.groupBy(results, (result) => result.release)) {
    sections.set(release, sectionOf(release, ofRelease, facts));
  }
  const newestFirst = ALL_RELEASES.toReversed().flatMap((release) => sections.get(release) ?? []);
  return `${[INTRODUCTION, ...newestFirst].join("\n").trimEnd()}\n`;
}

function sectionsOf(page: string): Map<string, string> {
  const [, ...sections] = page.split(/^(?=## )/m);
  return new Map(
    sections.map((section) => [/^## Dynamo (\S+)/.exec(section)?.[1] ?? "", `${section.trimEnd()}\n`]),
  );
}

function sectionOf(release: Release, results: readonly CellResult[], { date, versions }: RunFacts): string {
  const notes = new Notes();
  const tables = [...Map.groupBy(results, ({ section }) => section)].map(
    ([section, ofSection]) => `### ${section} (${release})\n\n${tableOf(ofSection, notes)}\n`,
  );
  const head = `## Dynamo ${release}\n\nRun on ${date} with ${versions}. ${totalOf(results)}\n`;
  return [head, ...tables, ...(notes.text === "" ? [] : [`${notes.text}\n`])].join("\n");
}

function tableOf(results: readonly CellResult[], notes: Notes): string {
  const planes = PLANES.filter((plane) => results.some((result) => result.plane === plane));
  const rows = [...Map.groupBy(results, ({ name }) => name)].map(([name, ofCell]) => [
    escape(name),
    ...planes.map((plane) => notes.mark(ofCell.find((result) => result.plane === plane))),
  ]);
  return formatTable([["", ...planes], ...rows]);
}

/** Numbered reasons; equal ones share a number. */
class Notes {
  readonly #reasons: string[] = [];

  mark(result: CellResult | undefined): string {
    if (!result) return "";
    if (result.status === "fail") return "**fails**";
    if (result.status === "cannot") return `cannot (${this.#number(result.why)})`;
    if (result.failedFirst === undefined) return "pass";
    return `pass (${this.#number(`At the second try. At the first: ${firstLine(result.failedFirst)}`)})`;
  }

  #number(reason: string): number {
    if (!this.#reasons.includes(reason)) this.#reasons.push(reason);
    return this.#reasons.indexOf(reason) + 1;
  }

  get text(): string {
    return this.#reasons.map((reason, index) => `${index + 1}. ${escape(reason)}`).join("\n");
  }
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0]?.slice(0, 200) ?? "";
}

/** As prettier writes them. */
function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(3, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = rows;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}

function escape(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
