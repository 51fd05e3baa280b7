/** How long something must not have happened to be news again, in milliseconds. */
const QUIET_MS = 60_000;
/** Things remembered at most; what is beyond is always news. */
const MOST = 1_000;

/** Tells news from what happens all the time, as long as a worker is gone and its record isn't. */
export class Repeats {
  /** When each happened last, the one longest ago first. */
  readonly #last = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Takes note of it. Whether it didn't happen for a minute. */
  isNews(what: string): boolean {
    const now = this.#now();
    for (const [known, at] of this.#last) {
      if (now - at < QUIET_MS) break;
      this.#last.delete(known);
    }
    const isKnown = this.#last.delete(what);
    if (this.#last.size < MOST) this.#last.set(what, now);
    return !isKnown;
  }
}
