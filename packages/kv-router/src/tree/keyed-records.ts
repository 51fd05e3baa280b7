/** No record. */
export const NONE = -1;

/** The fields that every record has: its key, which is an owner and the two halves of a hash. */
export const OWNER = 0;
export const LOW_HALF = 1;
export const HIGH_HALF = 2;

/** Positions of fields are computed in 31 bits. */
const MOST_WORDS = 2 ** 31 - 1;

/**
 * Many small records of 32-bit words, side by side in one array and known by their number: no object for each,
 * and all fields of one in the same place of memory. Numbers of freed records are used again.
 */
export class KeyedRecords {
  /** Words of each record. Field `f` of record `n` is `data[n * stride + f]`. */
  readonly stride: number;
  /** Replaced when it grows. */
  data: Int32Array;
  /** Records in use. */
  count = 0;
  /** Numbers from here on were never used. */
  #fresh = 0;
  /** The last freed record; its owner is the one freed before. */
  #freed = NONE;

  constructor(stride: number, size: number) {
    this.stride = stride;
    this.data = new Int32Array(size * stride);
  }

  /** A record with this key; the other fields hold what was there before. */
  add(owner: number, low: number, high: number): number {
    let record = this.#freed;
    if (record === NONE) {
      record = this.#fresh++;
      if (this.#fresh * this.stride > this.data.length) this.data = this.#grown();
    } else {
      this.#freed = this.get(record, OWNER);
    }
    const at = record * this.stride;
    this.data[at + OWNER] = owner;
    this.data[at + LOW_HALF] = low;
    this.data[at + HIGH_HALF] = high;
    this.count++;
    return record;
  }

  free(record: number): void {
    this.set(record, OWNER, this.#freed);
    this.#freed = record;
    this.count--;
  }

  get(record: number, field: number): number {
    return this.data[record * this.stride + field] ?? NONE;
  }

  set(record: number, field: number, value: number): void {
    this.data[record * this.stride + field] = value;
  }

  #grown(): Int32Array {
    const records = Math.ceil((this.data.length / this.stride) * 1.5) + 16;
    if (records * this.stride > MOST_WORDS) throw new RangeError(`More than ${this.count} records`);
    const longer = new Int32Array(records * this.stride);
    longer.set(this.data);
    return longer;
  }
}
