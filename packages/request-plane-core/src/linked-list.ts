/**
 * What comes and goes with each request, in the order in which it came. A `Set` or `Map` would do, but costs memory:
 * each time one of those is rebuilt, which coming and going brings about, its old table goes on referring to the
 * new one, and once the collector takes such a table for long-lived, so is every member that passed through.
 */

/** A place in a list. Whoever holds it can leave. */
export class Link<T> {
  /** `undefined` when it has left. */
  value: T | undefined;
  previous: Link<T> | undefined;
  next: Link<T> | undefined;

  constructor(value: T | undefined) {
    this.value = value;
  }
}

export class LinkedList<T> implements Iterable<T> {
  /** Stands in front of the first and behind the last. */
  readonly #edge: Link<T> = new Link<T>(undefined);
  #size = 0;

  constructor() {
    this.#edge.previous = this.#edge.next = this.#edge;
  }

  get size(): number {
    return this.#size;
  }

  get first(): Link<T> | undefined {
    return this.#size === 0 ? undefined : this.#edge.next;
  }

  /** At the end. */
  add(value: T): Link<T> {
    const edge = this.#edge;
    const link = new Link(value);
    link.previous = edge.previous;
    link.next = edge;
    if (edge.previous) edge.previous.next = link;
    edge.previous = link;
    this.#size += 1;
    return link;
  }

  /** Does nothing the second time. */
  remove(link: Link<T>): void {
    const { previous, next } = link;
    if (!previous || !next) return;
    previous.next = next;
    next.previous = previous;
    // A link that was left holds nothing, however long it lives.
    link.value = link.previous = link.next = undefined;
    this.#size -= 1;
  }

  clear(): void {
    for (let { first } = this; first; { first } = this) this.remove(first);
  }

  /** Those that are in it now; they may leave meanwhile. */
  *[Symbol.iterator](): Generator<T, void> {
    const values: T[] = [];
    for (let link = this.first; link?.value !== undefined; link = link.next) values.push(link.value);
    yield* values;
  }
}
