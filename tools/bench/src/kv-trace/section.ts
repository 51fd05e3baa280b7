/**
 * What the trace has shown, as a table, and its place in docs/benchmarks.md, which the other bench leaves alone.
 */
import { markdownTable } from "../page.ts";
import { percentile } from "../statistics.ts";
import type { Turn } from "./replay.ts";

export interface Measured {
  readonly routing: string;
  readonly turns: readonly Turn[];
  readonly seconds: number;
}

const BEGIN = "<!-- Written by `npm run bench:kv-trace -- --write`. -->";
const END = "<!-- End of the trace. -->";

/** Tokens of prompts that were in the cache of the worker that computed them, of all. */
export function cachedShare(turns: readonly Turn[]): number {
  const sum = (of: (turn: Turn) => number): number => turns.reduce((total, turn) => total + of(turn), 0);
  return sum(({ cachedTokens }) => cachedTokens) / sum(({ promptTokens }) => promptTokens);
}

export function tableOf(measured: readonly Measured[]): string {
  const [base] = measured;
  const head = [
    "routing",
    "requests",
    "cached tokens",
    "vs first",
    "first token p50 ms",
    "p99 ms",
    "seconds",
  ];
  const rows = measured.map(({ routing, turns, seconds }) => {
    const times = turns.map(({ firstTokenMs }) => firstTokenMs);
    const share = cachedShare(turns);
    return [
      routing,
      String(turns.length),
      `${(share * 100).toFixed(1)} %`,
      base ? (share / cachedShare(base.turns)).toFixed(2) : "-",
      percentile(times, 50).toFixed(1),
      percentile(times, 99).toFixed(1),
      seconds.toFixed(1),
    ];
  });
  return markdownTable([head, ...rows]);
}

export function sectionOf(about: string, measured: readonly Measured[]): string {
  return [BEGIN, "## Routing by KV cache", about, tableOf(measured), END].join("\n\n");
}

/** The section as it stands in the page; empty when there is none. */
export function sectionIn(page: string): string {
  const start = page.indexOf(BEGIN);
  const end = page.indexOf(END, start);
  return start < 0 || end < 0 ? "" : page.slice(start, end + END.length);
}

/** The page with the section in the place of its own, or at its end. */
export function withSection(page: string, section: string): string {
  const old = sectionIn(page);
  if (section === "") return page;
  return old === "" ? `${page.trimEnd()}\n\n${section}\n` : page.replace(old, () => section);
}
