/** A rank of a worker: what holds a KV cache of its own. Workers without data parallelism have rank 0 only. */
export interface WorkerRank {
  /** Id of the worker's instance, unsigned 64-bit. */
  readonly workerId: bigint;
  readonly dpRank: number;
}

/**
 * Small numbers for worker ranks, so that what is known about them can stand in arrays. Index, load and router
 * share one; a number is used again after `release`, so let it go everywhere first.
 */
export class WorkerSlots {
  readonly #byWorker = new Map<bigint, Map<number, number>>();
  readonly #ranks: (WorkerRank | undefined)[] = [];
  readonly #free: number[] = [];

  /** All slots are below this number. */
  get limit(): number {
    return this.#ranks.length;
  }

  /** The slot of a rank, which gets one when it has none. */
  take(workerId: bigint, dpRank: number): number {
    let ranks = this.#byWorker.get(workerId);
    if (!ranks) this.#byWorker.set(workerId, (ranks = new Map<number, number>()));
    let slot = ranks.get(dpRank);
    if (slot === undefined) {
      slot = this.#free.pop() ?? this.#ranks.length;
      ranks.set(dpRank, slot);
      this.#ranks[slot] = { workerId, dpRank };
    }
    return slot;
  }

  find(workerId: bigint, dpRank: number): number | undefined {
    return this.#byWorker.get(workerId)?.get(dpRank);
  }

  /** The slots of all ranks of a worker. */
  ofWorker(workerId: bigint): number[] {
    return [...(this.#byWorker.get(workerId)?.values() ?? [])];
  }

  /** Who has the slot; `undefined` for a free one. */
  at(slot: number): WorkerRank | undefined {
    return this.#ranks[slot];
  }

  release(slot: number): void {
    const rank = this.#ranks[slot];
    if (!rank) return;
    const ranks = this.#byWorker.get(rank.workerId);
    ranks?.delete(rank.dpRank);
    if (ranks?.size === 0) this.#byWorker.delete(rank.workerId);
    this.#ranks[slot] = undefined;
    this.#free.push(slot);
  }
}
