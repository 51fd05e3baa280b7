/** Items that were decoded together and are handed out one by one. */
export class ReadyItems {
  #items: readonly unknown[] = NONE;
  #next = 0;

  get isEmpty(): boolean {
    return this.#next === this.#items.length;
  }

  /** Instead of those that are there, which are all handed out or not wanted any more. */
  fill(items: readonly unknown[]): void {
    this.#items = items;
    this.#next = 0;
  }

  clear(): void {
    this.fill(NONE);
  }

  /** Not when it is empty. */
  take(): unknown {
    const item = this.#items[this.#next++];
    if (this.isEmpty) this.clear();
    return item;
  }
}

const NONE: readonly unknown[] = [];
