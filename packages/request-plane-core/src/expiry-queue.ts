/**
 * Bounds many waits of the same length with one timer: entries expire in the order they were added. The timer
 * does not keep the process alive; what is waited for does.
 */
export class ExpiryQueue<T> {
  readonly #lifetimeMs: number;
  readonly #onExpired: (item: T) => void;
  readonly #deadlines = new Map<T, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(lifetimeMs: number, onExpired: (item: T) => void) {
    this.#lifetimeMs = lifetimeMs;
    this.#onExpired = onExpired;
  }

  get size(): number {
    return this.#deadlines.size;
  }

  /** Adds an entry that is not in it. */
  add(item: T): void {
    this.#deadlines.set(item, performance.now() + this.#lifetimeMs);
    this.#timer ??= setTimeout(this.#expire, this.#lifetimeMs).unref();
  }

  /** The timer is left to run out; it finds nothing to do then. */
  delete(item: T): void {
    this.#deadlines.delete(item);
  }

  /** Forgets all entries and stops the timer. */
  clear(): void {
    this.#deadlines.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #expire = (): void => {
    const now = performance.now();
    for (const [item, deadline] of this.#deadlines) {
      if (deadline > now) {
        this.#timer = setTimeout(this.#expire, deadline - now).unref();
        return;
      }
      this.#deadlines.delete(item);
      this.#onExpired(item);
    }
    this.#timer = undefined;
  };
}
