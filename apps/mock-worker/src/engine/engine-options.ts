import type { Speed } from "./timing.ts";

/** What the engine is like; the names are those of the mocker's flags. Source: interop notes, sections E1 and E3. */
export interface EngineOptions extends Speed {
  /** Blocks of the KV cache, of each rank. */
  readonly numGpuBlocks: number;
  /** Tokens in a block. */
  readonly blockSize: number;
  /** Sequences that run at the same time. */
  readonly maxNumSeqs: number;
  /** Tokens that one pass computes. */
  readonly maxNumBatchedTokens: number;
  /** Full blocks are shared by sequences that begin alike. */
  readonly enablePrefixCaching: boolean;
  /** A prompt may be computed in several passes. */
  readonly enableChunkedPrefill: boolean;
  /** Who gives way when blocks run out: the sequence that came last (`lifo`) or first (`fifo`). */
  readonly preemptionMode: "lifo" | "fifo";
  /** Share of the blocks that is kept for sequences that run, 0 to 1. */
  readonly watermark: number;
  /** Tokens of prompt and answer together; as many as the cache holds when there is no limit. */
  readonly maxModelLen: number | undefined;
}
