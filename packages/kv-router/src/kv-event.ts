import type { WorkerRank } from "./worker-slots.ts";

/** What changed in the KV cache of a worker's rank. Source: interop notes, sections D2 and D4. */
export interface KvEvent extends WorkerRank {
  /** Counts up by one for each event of a rank; begins at 0 or 1. */
  readonly eventId: number;
  readonly change: KvChange;
  /** Where the blocks are kept; absent means `device`, the GPU's memory. */
  readonly storageTier?: string;
}

export type KvChange = StoredBlocks | RemovedBlocks | ClearedBlocks;

/** Blocks that follow one another and are in the cache now. */
export interface StoredBlocks {
  readonly kind: "stored";
  /** The engine's name for the block before the first one; absent for the start of a sequence. */
  readonly parentHash?: bigint;
  /** The engine's names for the blocks, as used in later events. */
  readonly blockHashes: BigUint64Array;
  /** Hashes of the blocks' tokens, as `blockHashes()` computes them. */
  readonly tokensHashes: BigUint64Array;
}

export interface RemovedBlocks {
  readonly kind: "removed";
  readonly blockHashes: BigUint64Array;
}

export interface ClearedBlocks {
  readonly kind: "cleared";
}
