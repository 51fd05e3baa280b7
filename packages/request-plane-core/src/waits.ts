/**
 * Bounds the waits of all requests of a process: one `DeadlineQueue`, and so one timer, for each length of wait.
 */
import { DeadlineQueue } from "./deadline-queue.ts";
import { LONGEST_TIMER_MS } from "./timeouts.ts";

/** Somebody who waits, once at a time. */
export interface Waiter {
  /** The wait took longer than it may. */
  expired(limitMs: number): void;
}

/** Lengths that are kept; calls with time-outs of their own may bring any number of them. */
const MAX_LENGTHS = 64;

export class Waits {
  readonly #queues = new Map<number, DeadlineQueue<Waiter>>();

  /** Waits under way. Zero at rest. */
  get size(): number {
    return [...this.#queues.values()].reduce((total, { size }) => total + size, 0);
  }

  /** Where waits of this length are entered and left. A limit above 0. */
  ofLength(limitMs: number): DeadlineQueue<Waiter> {
    let queue = this.#queues.get(limitMs);
    if (!queue) {
      if (this.#queues.size >= MAX_LENGTHS) this.#forgetUnused();
      const lifetimeMs = Math.min(limitMs, LONGEST_TIMER_MS);
      queue = new DeadlineQueue(lifetimeMs, (waiter) => waiter.expired(limitMs));
      this.#queues.set(limitMs, queue);
    }
    return queue;
  }

  /** Forgets all waits and stops the timers. */
  close(): void {
    for (const queue of this.#queues.values()) queue.clear();
    this.#queues.clear();
  }

  #forgetUnused(): void {
    for (const [limitMs, queue] of this.#queues) {
      if (queue.size > 0) continue;
      queue.clear();
      this.#queues.delete(limitMs);
    }
  }
}
