import { DeadlineQueue, StreamTable } from "@dynamo/request-plane-core";
import type { Deadline, RequestPlaneError } from "@dynamo/request-plane-core";

/** A request on its way, until its reply. */
export interface Waiter {
  /** In the subject of its reply. */
  readonly id: number;
  readonly subject: string;
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: RequestPlaneError) => void;
  /** Of its place among those that wait. */
  deadline: Deadline<Waiter> | undefined;
}

/** Requests without their reply. One timer: all wait equally long. */
export class Waiters {
  readonly #waiters = new StreamTable<Waiter>();
  readonly #deadlines: DeadlineQueue<Waiter>;
  /** Bytes of all requests that wait. */
  bytes = 0;

  constructor(timeoutMs: number, onLate: (waiter: Waiter) => void) {
    this.#deadlines = new DeadlineQueue(timeoutMs, (waiter) => {
      this.take(waiter.id);
      onLate(waiter);
    });
  }

  get size(): number {
    return this.#waiters.size;
  }

  add(waiter: Waiter): void {
    this.#waiters.add(waiter);
    waiter.deadline = this.#deadlines.add(waiter);
    this.bytes += waiter.bytes;
  }

  has(id: number): boolean {
    return this.#waiters.get(id) !== undefined;
  }

  take(id: number): Waiter | undefined {
    const waiter = this.#waiters.get(id);
    if (!waiter) return undefined;
    this.#waiters.delete(waiter);
    if (waiter.deadline) this.#deadlines.delete(waiter.deadline);
    this.bytes -= waiter.bytes;
    return waiter;
  }

  /** Takes all, or those that go to one subject. */
  takeAll(subject?: string): Waiter[] {
    const found = this.#waiters.all().filter((waiter) => subject === undefined || waiter.subject === subject);
    for (const { id } of found) this.take(id);
    return found;
  }

  /** Stops the timer. Nothing is to wait any more. */
  close(): void {
    this.#deadlines.clear();
  }
}
