/** Knows which worker ranks, by their slots, hold the beginning of a sequence in their KV cache. */
export interface OverlapIndex {
  /** Block entries: blocks times the ranks that hold them. */
  readonly size: number;
  /** Different blocks. */
  readonly blockCount: number;
  /** Memory that the entries take, in bytes. */
  readonly bytes: number;
  /**
   * Counts for each slot how many blocks it holds from the first one on.
   *
   * @param depths gets the counts; as long as the slots' `limit`.
   */
  match(blockHashes: BigUint64Array, depths: Int32Array): void;
  sizeOf(slot: number): number;
  /** Forgets all that a slot holds. */
  clear(slot: number): void;
}
