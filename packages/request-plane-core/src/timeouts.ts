import { RequestPlaneError } from "./errors.ts";
import type { DeadlinePhase } from "./errors.ts";

/** Node's timers know no longer delay, and fire at once when they are given one. */
export const LONGEST_TIMER_MS: number = 2 ** 31 - 1;

/** Bounds on waiting, in milliseconds; 0 means none. Connect and acknowledge are the transport's. */
export interface Timeouts {
  /** From the acknowledgement to the worker's word that it has begun. Per attempt. */
  readonly establishMs: number;
  /** From there to the first item. Per attempt. */
  readonly firstItemMs: number;
  /** From one item to the next, counted only while the caller waits for one. */
  readonly betweenItemsMs: number;
  /** From the call to the end of the stream, all attempts together. */
  readonly totalMs: number;
}

const WAITED_FOR: Readonly<Record<DeadlinePhase, string>> = {
  connect: "a connection",
  acknowledge: "the worker's acknowledgement",
  establish: "the worker to begin its response",
  first_item: "the first item",
  between_items: "the next item",
  total: "the end of the response",
};

/** The error of a bound that ran out. */
export function deadlineExceeded(phase: DeadlinePhase, limitMs: number): RequestPlaneError {
  return new RequestPlaneError("deadline_exceeded", `Waited ${limitMs} ms for ${WAITED_FOR[phase]}`, {
    facts: { phase, limit: limitMs, elapsedMs: limitMs },
  });
}
