/**
 * Bounds the waits of one request, one after the other, with one timer that is moved as seldom as possible:
 * entering a wait notes the time, and the timer looks at the note when it fires.
 */
import type { DeadlinePhase } from "./errors.ts";
import { LONGEST_TIMER_MS } from "./timeouts.ts";

/** `end` is the wait for the connection to close after the last item; its expiry is no error. */
export type WatchedPhase = DeadlinePhase | "end";

export class Watchdog {
  readonly #onExpired: (phase: WatchedPhase, limitMs: number) => void;
  #phase: WatchedPhase = "establish";
  #limitMs = 0;
  #since = 0;
  #timer: NodeJS.Timeout | undefined;
  #firesAt = Infinity;

  constructor(onExpired: (phase: WatchedPhase, limitMs: number) => void) {
    this.#onExpired = onExpired;
  }

  /** A wait begins; an earlier one is over. A limit of 0 is none. */
  watch(phase: WatchedPhase, limitMs: number): void {
    this.#phase = phase;
    this.#limitMs = limitMs;
    if (limitMs <= 0) return;
    this.#since = performance.now();
    if (this.#since + limitMs < this.#firesAt) this.#arm(limitMs);
  }

  /** Nothing is waited for. */
  rest(): void {
    this.#limitMs = 0;
  }

  close(): void {
    this.rest();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#firesAt = Infinity;
  }

  #arm(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#firesAt = performance.now() + delayMs;
    this.#timer = setTimeout(this.#fire, Math.min(delayMs, LONGEST_TIMER_MS));
  }

  readonly #fire = (): void => {
    this.#timer = undefined;
    this.#firesAt = Infinity;
    if (this.#limitMs <= 0) return;
    const left = this.#since + this.#limitMs - performance.now();
    if (left > 0) {
      this.#arm(left);
      return;
    }
    const limitMs = this.#limitMs;
    this.rest();
    this.#onExpired(this.#phase, limitMs);
  };
}
