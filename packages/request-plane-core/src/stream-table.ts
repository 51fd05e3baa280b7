/**
 * Streams by number. Numbers come in order, and most streams are over soon: those are found in a ring. One that is
 * still there when the ring has come round moves to a map.
 *
 * A map alone would keep streams alive that are over, see `linked-list.ts`.
 */
const RING = 1024;

export class StreamTable<S extends { readonly id: number }> {
  readonly #ring: (S | undefined)[] = new Array<S | undefined>(RING).fill(undefined);
  readonly #old = new Map<number, S>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): S | undefined {
    const stream = this.#ring[id % RING];
    return stream?.id === id ? stream : this.#old.size > 0 ? this.#old.get(id) : undefined;
  }

  /** A stream whose number is that of no other that is there. */
  add(stream: S): void {
    const at = stream.id % RING;
    const before = this.#ring[at];
    if (before) this.#old.set(before.id, before);
    this.#ring[at] = stream;
    this.#size += 1;
  }

  /** Does nothing when it is not there. */
  delete({ id }: S): void {
    if (this.#ring[id % RING]?.id === id) this.#ring[id % RING] = undefined;
    else if (!this.#old.delete(id)) return;
    this.#size -= 1;
  }

  clear(): void {
    this.#ring.fill(undefined);
    this.#old.clear();
    this.#size = 0;
  }

  /** Those that are there now; they may leave meanwhile. */
  all(): S[] {
    return [...this.#old.values(), ...this.#ring.filter((stream) => stream !== undefined)];
  }
}
