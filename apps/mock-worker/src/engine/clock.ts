/** Time, for whoever has to wait for it. */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";

export interface Clock {
  /** In milliseconds. */
  now(): number;
  /** Resolves at that time or later, or when the signal aborts; always after others had their turn. */
  until(time: number, signal: AbortSignal): Promise<void>;
}

/** Node's timers fire at once when their time doesn't fit into 31 bits. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  async until(time, signal) {
    await nextTurn();
    // Timers count whole milliseconds. What is waited too little here is waited more the next time.
    for (let ms = time - performance.now(); ms >= 1 && !signal.aborted; ms = time - performance.now()) {
      try {
        await sleep(Math.min(ms, LONGEST_TIMER_MS), undefined, { signal });
      } catch {
        // Aborted: the caller looks at the signal.
      }
    }
  },
};
