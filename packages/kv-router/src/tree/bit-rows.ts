/** Sets of small numbers, one bit for each number, all in one piece of memory. */
export class BitRows {
  /** Words of 32 bits in each row. */
  width = 1;
  /** Replaced when it grows. */
  words = new Int32Array(0);
  /** When each row changed last, on a clock that all rows share. */
  stamps = new Float64Array(0);
  /** The stamp of another row that the row is known to be equal to, 0 for none. Gone with the row's next change. */
  equalTo = new Float64Array(0);
  readonly #free: number[] = [];
  #rows = 0;
  #clock = 0;

  /** An empty row. */
  allocate(): number {
    const row = this.#free.pop() ?? this.#rows++;
    const needed = this.#rows * this.width;
    if (needed > this.words.length) {
      const longer = new Int32Array(Math.ceil(needed * 1.5));
      longer.set(this.words);
      this.words = longer;
    }
    if (row >= this.stamps.length) {
      this.stamps = lengthened(this.stamps);
      this.equalTo = lengthened(this.equalTo);
    }
    this.#changed(row);
    return row;
  }

  free(row: number): void {
    this.words.fill(0, row * this.width, (row + 1) * this.width);
    this.#free.push(row);
  }

  add(row: number, bit: number): void {
    if (bit >= this.width * 32) this.#widen((bit >>> 5) + 1);
    const at = row * this.width + (bit >>> 5);
    this.words[at] = (this.words[at] ?? 0) | (1 << (bit & 31));
    this.#changed(row);
  }

  delete(row: number, bit: number): void {
    const at = row * this.width + (bit >>> 5);
    this.words[at] = (this.words[at] ?? 0) & ~(1 << (bit & 31));
    this.#changed(row);
  }

  has(row: number, bit: number): boolean {
    if (bit >= this.width * 32) return false;
    return (((this.words[row * this.width + (bit >>> 5)] ?? 0) >>> (bit & 31)) & 1) === 1;
  }

  #changed(row: number): void {
    this.stamps[row] = ++this.#clock;
    this.equalTo[row] = 0;
  }

  #widen(needed: number): void {
    const width = Math.max(needed, Math.ceil(this.width * 1.5));
    const wider = new Int32Array(this.#rows * width);
    for (let row = 0; row < this.#rows; row++) {
      wider.set(this.words.subarray(row * this.width, (row + 1) * this.width), row * width);
    }
    this.words = wider;
    this.width = width;
  }
}

function lengthened(column: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const longer = new Float64Array(column.length * 2 + 16);
  longer.set(column);
  return longer;
}
