/**
 * When each token is due. Times are counted from the start of the answer and not from the token before, so a
 * timer that fires late, or an interval below a millisecond, doesn't change the rate.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../random.ts";

export interface Pace {
  /** Time to the first token in milliseconds. */
  readonly ttftMs: number;
  /** Time from one token to the next in milliseconds. */
  readonly itlMs: number;
  /** How far each of these times may be off, as a fraction from 0 to 1. */
  readonly jitter: number;
}

export function isInstant(pace: Pace): boolean {
  return pace.ttftMs === 0 && pace.itlMs === 0;
}

/** Milliseconds from the start of the answer, one for each token, without end. */
export function* dueTimes(pace: Pace, random: Random): Generator<number, never> {
  const spread = (ms: number) => ms * (1 + pace.jitter * (2 * random() - 1));
  let due = spread(pace.ttftMs);
  for (;;) {
    yield due;
    due += spread(pace.itlMs);
  }
}

/** Resolves at that time of `performance.now()`, or when the signal aborts. Leaves no timer behind. */
export async function waitUntil(time: number, signal: AbortSignal): Promise<void> {
  const ms = time - performance.now();
  if (ms < 1) return;
  try {
    await sleep(ms, undefined, { signal });
  } catch {
    // Aborted: the caller looks at the signal.
  }
}
