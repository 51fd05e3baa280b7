/**
 * docs/benchmarks.md, as prettier writes it.
 */
import { idleLines } from "./idle.ts";
import type { IdleStreams } from "./idle.ts";
import type { Plan, Series } from "./measure.ts";
import { casesOf, caseLines, comparisonsOf } from "./report.ts";
import type { Group } from "./subjects.ts";

export interface MeasuredGroup {
  readonly group: Group;
  readonly series: readonly Series[];
}

export interface Results {
  readonly measured: readonly MeasuredGroup[];
  readonly idle: readonly IdleStreams[];
}

export interface PageFacts {
  /** `2026-11-24` */
  readonly date: string;
  readonly machine: string;
  /** Name and version of what was measured besides this library. */
  readonly versions: readonly string[];
  readonly plan: Plan;
  /** Names of subjects that were not there. */
  readonly missing: readonly string[];
}

export const CHART_FILE = "benchmarks.svg";

export function pageOf({ measured, idle }: Results, facts: PageFacts): string {
  const subjects = measured.flatMap(({ group }) => group.subjects);
  const whatTheyAre = subjects.map(({ name, what }) => `- \`${name}\`: ${what}.`).join("\n");
  const sections = measured.flatMap(({ group, series }) =>
    casesOf(series).map(
      (ofCase) => `### ${titleOf(ofCase)}\n\n${markdownTable(caseLines(ofCase, comparisonsOf(group)))}`,
    ),
  );
  return `${[
    "# Benchmarks",
    "`npm run bench -- --write` measures, and writes this page and its chart.",
    factsOf(facts),
    READING,
    `![Requests and items in a second, by case and subject](${CHART_FILE})`,
    "## What is measured",
    whatTheyAre,
    "The [README of the bench](../tools/bench/README.md) says what each of them does, and what is not measured.",
    "## Speed",
    ...sections,
    ...(idle.length > 0 ? ["## Memory of idle streams", memoryOf(idle)] : []),
  ].join("\n\n")}\n`;
}

const READING = `Speeds are medians of the rounds, with the slowest and the fastest one. \`vs\` is how many times as fast a
subject is as its rival, the program that does the same exchange with nothing around it, and as others; \`cpu vs\` how
many times less processor time it takes for a call. More is better in both.`;

function factsOf({ date, machine, versions, plan, missing }: PageFacts): string {
  const left = missing.length > 0 ? ` Left out, since they were not there: ${missing.join(", ")}.` : "";
  const { rounds, roundMs, warmUpMs } = plan;
  return `Measured on ${date}: ${machine}.
With ${versions.join(", ")}.${left}
${rounds} rounds of ${roundMs / 1000} s each, after ${warmUpMs / 1000} s of warm-up, client and server on the same machine, over loopback.`;
}

function titleOf([first]: readonly Series[]): string {
  return first ? `${first.benchCase.name}: ${first.benchCase.what}` : "";
}

function memoryOf(idle: readonly IdleStreams[]): string {
  const streams = idle[0]?.streams ?? 0;
  return `${streams} open streams between two processes, each with one item and then nothing: by how much the resident memory
of each process has grown, after a garbage collection, and how large it is then.

${markdownTable(idleLines(idle))}`;
}

/** All columns but the first are set to the right. */
export function markdownTable([head = [], ...body]: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...body].map((line) => line[column]?.length ?? 0)),
  );
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(" | ")} |`;
  const rule = widths.map((width, i) => (i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return [row(head), row(rule), ...body.map(row)].join("\n");
}
