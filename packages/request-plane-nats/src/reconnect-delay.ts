/** Half of it is left to chance, so that the clients of a restarted server don't all come at once. */
const FIRST_MS = 100;
const LONGEST_MS = 4_000;

/** How long to wait before each attempt to connect again. Zero until `begin`, for the first connection. */
export class ReconnectDelay {
  #nextMs = 0;

  /** A connection stands: the next loss is a new one. */
  begin(): void {
    this.#nextMs = FIRST_MS;
  }

  next(): number {
    const longest = this.#nextMs;
    this.#nextMs = Math.min(2 * longest, LONGEST_MS);
    return (longest * (1 + Math.random())) / 2;
  }
}
