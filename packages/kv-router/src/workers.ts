import type { WorkerRank, WorkerSlots } from "./worker-slots.ts";

/** A worker that requests may go to, as its record and model card tell. */
export interface Worker {
  readonly workerId: bigint;
  /** Ranks of data parallelism: `data_parallel_size`, 1 unless told. */
  readonly dpSize?: number;
  /** The first of them: `data_parallel_start_rank`, 0 unless told. */
  readonly dpStart?: number;
  /** `total_kv_blocks` of each rank. */
  readonly totalKvBlocks?: number;
  /** `max_num_batched_tokens`. */
  readonly maxBatchedTokens?: number;
}

/** What a worker says about its own load. What is absent leaves what it said before. */
export interface LoadReport extends WorkerRank {
  readonly kvUsedBlocks?: number;
  readonly activeDecodeBlocks?: number;
  readonly activePrefillTokens?: number;
}

export interface RegisteredRank {
  readonly slot: number;
  readonly worker: Worker;
  readonly dpRank: number;
}

/** The workers to choose from, rank by rank, in the order of their slots. */
export class Workers {
  readonly #slots: WorkerSlots;
  readonly #workers = new Map<bigint, Worker>();
  readonly #reports = new Map<number, LoadReport>();
  #ranks: readonly RegisteredRank[] = [];
  #rankSlots: Int32Array = new Int32Array(0);

  constructor(slots: WorkerSlots) {
    this.#slots = slots;
  }

  get ranks(): readonly RegisteredRank[] {
    return this.#ranks;
  }

  /** The slots of `ranks`, in ascending order. */
  get rankSlots(): Int32Array {
    return this.#rankSlots;
  }

  get(workerId: bigint): Worker | undefined {
    return this.#workers.get(workerId);
  }

  has(slot: number): boolean {
    const rank = this.#slots.at(slot);
    const worker = rank && this.#workers.get(rank.workerId);
    return worker !== undefined && ranksOf(worker).includes(rank?.dpRank ?? -1);
  }

  /** Adds a worker, or replaces what was known about it. */
  set(worker: Worker): void {
    this.#workers.set(worker.workerId, worker);
    this.#list();
  }

  delete(workerId: bigint): void {
    if (this.#workers.delete(workerId)) this.#list();
  }

  report(report: LoadReport): void {
    const slot = this.#slots.find(report.workerId, report.dpRank);
    if (slot === undefined || !this.has(slot)) return;
    this.#reports.set(slot, { ...this.#reports.get(slot), ...report });
  }

  reportOf(slot: number): LoadReport | undefined {
    return this.#reports.get(slot);
  }

  #list(): void {
    const ranks = [...this.#workers.values()].flatMap((worker) =>
      ranksOf(worker).map((dpRank) => ({ slot: this.#slots.take(worker.workerId, dpRank), worker, dpRank })),
    );
    this.#ranks = ranks.sort((a, b) => a.slot - b.slot);
    this.#rankSlots = slotsOf(this.#ranks);
    const slots = new Set(this.#rankSlots);
    for (const slot of this.#reports.keys()) if (!slots.has(slot)) this.#reports.delete(slot);
  }
}

export function slotsOf(ranks: readonly RegisteredRank[]): Int32Array {
  return Int32Array.from(ranks, ({ slot }) => slot);
}

function ranksOf({ dpStart = 0, dpSize = 1 }: Worker): number[] {
  return Array.from({ length: dpSize }, (_, rank) => dpStart + rank);
}
