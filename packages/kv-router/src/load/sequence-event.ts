import type { WorkerRank } from "../worker-slots.ts";

/**
 * What routers tell each other about the requests they have sent on, so that each knows the load of all.
 * Workers send `prefill_completed` too (Dynamo 1.6). Source: interop notes, section D6.
 */
export interface SequenceEvent {
  readonly requestId: string;
  readonly worker: WorkerRank;
  /** Who says so: a UUID in Dynamo 0.7, an unsigned 64-bit number later. */
  readonly routerId: string | bigint;
  readonly change: SequenceChange;
}

export type SequenceChange =
  | {
      readonly kind: "added";
      readonly sequenceHashes: BigUint64Array;
      /** Tokens of the prompt that the worker has to compute, because they are not in its cache. */
      readonly prefillTokens: number;
      /** Tokens of the prompt, and its blocks that were in the cache: what 0.7 sends in place of the above. */
      readonly tokens?: number;
      readonly overlapBlocks?: number;
    }
  | { readonly kind: "prefill_completed" }
  | { readonly kind: "freed" };
