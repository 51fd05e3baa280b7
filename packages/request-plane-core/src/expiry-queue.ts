import { DeadlineQueue } from "./deadline-queue.ts";
import type { Deadline } from "./deadline-queue.ts";

/** A {@link DeadlineQueue} whose entries are deleted by what they are, each of which is in it once. */
export class ExpiryQueue<T> {
  readonly #queue: DeadlineQueue<T>;
  readonly #deadlines = new Map<T, Deadline<T>>();

  constructor(lifetimeMs: number, onExpired: (item: T) => void) {
    this.#queue = new DeadlineQueue(lifetimeMs, (item) => {
      this.#deadlines.delete(item);
      onExpired(item);
    });
  }

  get size(): number {
    return this.#queue.size;
  }

  /** Adds an entry that is not in it. */
  add(item: T): void {
    this.#deadlines.set(item, this.#queue.add(item));
  }

  delete(item: T): void {
    const deadline = this.#deadlines.get(item);
    if (!deadline) return;
    this.#deadlines.delete(item);
    this.#queue.delete(deadline);
  }

  /** Forgets all entries and stops the timer. */
  clear(): void {
    this.#deadlines.clear();
    this.#queue.clear();
  }
}
