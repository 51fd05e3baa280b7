/** Lines of figures, for programs that print one for each. */
import { percentile } from "./statistics.ts";

export function print(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(64)} ${value}\n`);
}

export function perSecond(count: number, milliseconds: number): string {
  return `${Math.round((count / milliseconds) * 1_000).toLocaleString("en")}/s`;
}

/** Of several rounds, the slowest and the fastest. */
export function roundsOf(milliseconds: readonly number[], count: number): string {
  const [slowest, fastest] = [Math.max(...milliseconds), Math.min(...milliseconds)];
  return `rounds ${perSecond(count, slowest)} to ${perSecond(count, fastest)}`;
}

export function percentiles(took: readonly number[]): string {
  return [50, 99].map((percent) => `p${percent} ${percentile(took, percent).toFixed(1)} us`).join(", ");
}

/** How many times as large the first are as the second. */
export function percentileRatios(took: readonly number[], base: readonly number[]): string {
  return [50, 99]
    .map((percent) => `p${percent} ${times(percentile(took, percent) / percentile(base, percent))}`)
    .join(", ");
}

export function times(ratio: number): string {
  return `${ratio.toFixed(2)} times`;
}
