import { HIGH_HALF, LOW_HALF, NONE, OWNER } from "./keyed-records.ts";
import type { KeyedRecords } from "./keyed-records.ts";

const SMALLEST = 8;

/**
 * Finds records by their key: a hash table with open addressing, linear probing and no tombstones. It holds
 * nothing but the records' numbers, four bytes a cell.
 */
export class RecordIndex {
  readonly #records: KeyedRecords;
  /** Number of a record plus one, 0 for an empty cell. Always a power of two long. */
  #cells = new Int32Array(SMALLEST);
  #count = 0;

  constructor(records: KeyedRecords) {
    this.#records = records;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#cells.byteLength;
  }

  find(owner: number, low: number, high: number): number {
    const { data, stride } = this.#records;
    const cells = this.#cells;
    const mask = cells.length - 1;
    for (let at = home(owner, low, high) & mask; ; at = (at + 1) & mask) {
      const record = (cells[at] ?? 0) - 1;
      if (record < 0) return NONE;
      const key = record * stride;
      if (data[key + LOW_HALF] !== low || data[key + HIGH_HALF] !== high) continue;
      if (data[key + OWNER] === owner) return record;
    }
  }

  /** Adds a record whose key isn't there yet. */
  add(record: number): void {
    // Two thirds full at most.
    if ((this.#count + 1) * 3 > this.#cells.length * 2) this.#resize(this.#cells.length * 2);
    this.#place(record);
    this.#count++;
  }

  /** Takes out a record that is there, while it still has its key. */
  delete(record: number): void {
    const cells = this.#cells;
    const mask = cells.length - 1;
    let hole = this.#homeOf(record) & mask;
    while (cells[hole] !== record + 1) hole = (hole + 1) & mask;
    // Records behind move up into the hole, unless they would stand before their home then.
    for (let at = (hole + 1) & mask; cells[at] !== 0; at = (at + 1) & mask) {
      const other = (cells[at] ?? 0) - 1;
      const distance = (at - this.#homeOf(other)) & mask;
      if (distance < ((at - hole) & mask)) continue;
      cells[hole] = other + 1;
      hole = at;
    }
    cells[hole] = 0;
    this.#count--;
    if (cells.length > SMALLEST && this.#count * 8 < cells.length) this.#resize(cells.length / 2);
  }

  *[Symbol.iterator](): Generator<number> {
    for (const cell of this.#cells) if (cell !== 0) yield cell - 1;
  }

  #place(record: number): void {
    const cells = this.#cells;
    const mask = cells.length - 1;
    let at = this.#homeOf(record) & mask;
    while (cells[at] !== 0) at = (at + 1) & mask;
    cells[at] = record + 1;
  }

  #homeOf(record: number): number {
    const { data, stride } = this.#records;
    const key = record * stride;
    return home(data[key + OWNER] ?? 0, data[key + LOW_HALF] ?? 0, data[key + HIGH_HALF] ?? 0);
  }

  #resize(length: number): void {
    const old = this.#cells;
    this.#cells = new Int32Array(length);
    for (const cell of old) if (cell !== 0) this.#place(cell - 1);
  }
}

/** Hashes of tokens are spread well, but engines may name their blocks 1, 2, 3. */
function home(owner: number, low: number, high: number): number {
  let hash = Math.imul(low ^ Math.imul(owner, 0x9e3779b1), 0x85ebca6b) ^ high;
  hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
