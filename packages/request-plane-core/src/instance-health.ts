/**
 * Whether an instance should be asked, after what it did lately. A sick one is avoided for a while, then one
 * request tries it; every other request goes elsewhere until that one is back. Nothing is avoided for good.
 */

/** How long a sick instance is avoided: doubled with each failure in a row, up to the longest. */
const SHORTEST_MS = 1_000;
const LONGEST_MS = 5_000;
/** How long an instance that is at capacity is passed over. */
const OVERLOADED_MS = 1_000;

export class InstanceHealth {
  #failures = 0;
  #avoidUntil = 0;
  #onTrial = false;

  /** Nothing is held against it. */
  get isHealthy(): boolean {
    return this.#avoidUntil === 0 && !this.#onTrial;
  }

  /** Whether a request may be sent now. Does not change anything. */
  isUsable(now: number): boolean {
    return now >= this.#avoidUntil && !this.#onTrial;
  }

  /** When it may be tried again, for choosing among instances none of which is usable. */
  get avoidUntil(): number {
    return this.#avoidUntil;
  }

  /** A request is on its way; after failures it is the trial that others wait for. */
  sent(): void {
    if (this.#failures > 0) this.#onTrial = true;
  }

  succeeded(): void {
    this.reset();
  }

  /** Requests that fail together, say with one connection, are one failure. */
  failed(now: number): void {
    if (this.#failures > 0 && now < this.#avoidUntil) return;
    const avoidMs = Math.min(SHORTEST_MS * 2 ** this.#failures, LONGEST_MS);
    this.#failures += 1;
    this.#onTrial = false;
    this.#avoidUntil = now + avoidMs;
  }

  /** It lives but has no room. */
  overloaded(now: number): void {
    this.#onTrial = false;
    this.#avoidUntil = now + OVERLOADED_MS;
  }

  /** The request ended in a way that says nothing about the instance. */
  undecided(): void {
    this.#onTrial = false;
  }

  /** Its record changed: it may be another process. */
  reset(): void {
    this.#failures = 0;
    this.#avoidUntil = 0;
    this.#onTrial = false;
  }
}
