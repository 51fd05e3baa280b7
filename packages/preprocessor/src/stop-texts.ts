/**
 * Looks for texts that end an answer. Text that may be the beginning of one is held back until it is known.
 */

export interface Found {
  /** What comes before the stop text. */
  readonly text: string;
  readonly stop: string;
}

export class StopTexts {
  readonly #stops: readonly string[];
  #held = "";

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== "");
  }

  /** Takes more text and returns what can be shown, or what was found. `mayStop` false lets stop texts pass. */
  push(text: string, mayStop: boolean): string | Found {
    if (this.#stops.length === 0) return text;
    const all = this.#held + text;
    const found = mayStop ? this.#find(all) : undefined;
    if (found) {
      this.#held = "";
      return found;
    }
    const from = mayStop ? this.#beginning(all) : this.#beginningAfter(all);
    this.#held = all.slice(from);
    return all.slice(0, from);
  }

  /** What was held back, when nothing follows. */
  end(): string {
    const rest = this.#held;
    this.#held = "";
    return rest;
  }

  /** The first one to be whole, so that it doesn't matter how the text was split; of several, the one that began first. */
  #find(all: string): Found | undefined {
    let found: Found | undefined;
    let foundEnd = Infinity;
    for (const stop of this.#stops) {
      const start = all.indexOf(stop);
      const end = start + stop.length;
      if (start < 0 || end > foundEnd || (end === foundEnd && start >= (found?.text.length ?? 0))) continue;
      found = { text: all.slice(0, start), stop };
      foundEnd = end;
    }
    return found;
  }

  /** Where the text may begin to be a stop text; its length when nowhere. */
  #beginning(all: string): number {
    const longest = Math.max(...this.#stops.map((stop) => stop.length));
    for (let at = Math.max(0, all.length - longest + 1); at < all.length; at++) {
      if (this.#stops.some((stop) => beginsWith(stop, all, at))) return at;
    }
    return all.length;
  }

  /** The same behind the last stop text that passes: its end doesn't count as the beginning of another. */
  #beginningAfter(all: string): number {
    const ends = this.#stops.map((stop) => {
      const at = all.lastIndexOf(stop);
      return at < 0 ? 0 : at + stop.length;
    });
    return Math.max(this.#beginning(all), ...ends);
  }
}

/** Whether the text from here on is the beginning of the stop text. Looks at one character first: most differ. */
function beginsWith(stop: string, all: string, at: number): boolean {
  return (
    stop.charCodeAt(0) === all.charCodeAt(at) &&
    stop.length > all.length - at &&
    stop.startsWith(all.slice(at))
  );
}
