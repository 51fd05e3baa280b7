/**
 * What the system knows of other processes; for the children of a program that the bench started.
 */
import { readFile } from "node:fs/promises";
import type { Usage } from "./messages.ts";

/** Linux's, on all of its usual platforms. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

/** The sum over these processes. NaN where there is no `/proc`. */
export async function usageOf(pids: readonly number[]): Promise<Usage> {
  try {
    const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, "utf8")));
    // The second field is a name in parentheses and may hold anything; the third one is the state.
    const fields = stats.map((stat) => stat.slice(stat.lastIndexOf(")") + 2).split(" "));
    const sum = (field: number): number =>
      fields.reduce((total, values) => total + Number(values[field - 3]), 0);
    const [userTicks, systemTicks, residentPages] = [sum(14), sum(15), sum(24)];
    const cpuMs = ((userTicks + systemTicks) * 1000) / TICKS_PER_SECOND;
    return { type: "usage", cpuMs, residentBytes: residentPages * PAGE_BYTES };
  } catch {
    return { type: "usage", cpuMs: NaN, residentBytes: NaN };
  }
}
