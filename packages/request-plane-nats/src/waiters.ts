import type { RequestPlaneError } from "@dynamo/request-plane-core";

/** A request on its way, until its reply. */
export interface Waiter {
  readonly subject: string;
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: RequestPlaneError) => void;
}

/** Requests without their reply, by the token in their reply subject. One timer: all wait equally long. */
export class Waiters {
  readonly #timeoutMs: number;
  readonly #onLate: (waiter: Waiter) => void;
  readonly #waiters = new Map<string, Waiter & { readonly deadline: number }>();
  #timer: NodeJS.Timeout | undefined;
  /** Bytes of all requests that wait. */
  bytes = 0;

  constructor(timeoutMs: number, onLate: (waiter: Waiter) => void) {
    this.#timeoutMs = timeoutMs;
    this.#onLate = onLate;
  }

  get size(): number {
    return this.#waiters.size;
  }

  add(token: string, waiter: Waiter): void {
    this.#waiters.set(token, { ...waiter, deadline: performance.now() + this.#timeoutMs });
    this.bytes += waiter.bytes;
    this.#timer ??= setTimeout(this.#expire, this.#timeoutMs);
  }

  has(token: string): boolean {
    return this.#waiters.has(token);
  }

  take(token: string): Waiter | undefined {
    const waiter = this.#waiters.get(token);
    if (!waiter) return undefined;
    this.#waiters.delete(token);
    this.bytes -= waiter.bytes;
    if (this.#waiters.size === 0) this.#stopTimer();
    return waiter;
  }

  /** Takes all, or those that go to one subject. */
  takeAll(subject?: string): Waiter[] {
    const tokens = [...this.#waiters].filter(
      ([, waiter]) => subject === undefined || waiter.subject === subject,
    );
    return tokens.flatMap(([token]) => this.take(token) ?? []);
  }

  readonly #expire = (): void => {
    this.#stopTimer();
    const now = performance.now();
    for (const [token, { deadline }] of this.#waiters) {
      if (deadline > now) {
        this.#timer = setTimeout(this.#expire, deadline - now);
        return;
      }
      const late = this.take(token);
      if (late) this.#onLate(late);
    }
  };

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
