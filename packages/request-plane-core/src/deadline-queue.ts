import { LinkedList } from "./linked-list.ts";
import type { Link } from "./linked-list.ts";

/** An entry and when it expires, on the clock of `performance.now()`. */
interface Entry<T> {
  readonly item: T;
  readonly deadline: number;
}

/** A wait under way, to be ended with `delete`. */
export type Deadline<T> = Link<Entry<T>>;

/**
 * Bounds many waits of the same length with one timer: entries expire in the order they were added. The timer
 * does not keep the process alive; what is waited for does.
 */
export class DeadlineQueue<T> {
  readonly #lifetimeMs: number;
  readonly #onExpired: (item: T) => void;
  readonly #entries = new LinkedList<Entry<T>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(lifetimeMs: number, onExpired: (item: T) => void) {
    this.#lifetimeMs = lifetimeMs;
    this.#onExpired = onExpired;
  }

  get size(): number {
    return this.#entries.size;
  }

  add(item: T): Deadline<T> {
    this.#timer ??= setTimeout(this.#expire, this.#lifetimeMs).unref();
    return this.#entries.add({ item, deadline: performance.now() + this.#lifetimeMs });
  }

  /** Does nothing when it has expired or was deleted. The timer is left to run out. */
  delete(entry: Deadline<T>): void {
    this.#entries.remove(entry);
  }

  /** Forgets all entries and stops the timer. */
  clear(): void {
    this.#entries.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #expire = (): void => {
    const now = performance.now();
    for (let { first } = this.#entries; first?.value; { first } = this.#entries) {
      const { item, deadline } = first.value;
      if (deadline > now) {
        this.#timer = setTimeout(this.#expire, deadline - now).unref();
        return;
      }
      this.#entries.remove(first);
      this.#onExpired(item);
    }
    this.#timer = undefined;
  };
}
