import { fillCosts } from "./cost.ts";
import type { CostSettings, RankLoads } from "./cost.ts";
import type { CandidateScore } from "./explanation.ts";
import type { OverlapIndex } from "./index/overlap-index.ts";
import type { ActiveSequences } from "./load/active-sequences.ts";
import { LoadTable } from "./load/load-table.ts";
import type { Prompt } from "./prompt.ts";
import type { WorkerSlots } from "./worker-slots.ts";
import type { RegisteredRank } from "./workers.ts";

/** What is counted as load; both are, unless told. */
export interface LoadTracking {
  /** Blocks in use by requests under way: `--router-track-active-blocks`. */
  readonly activeBlocks?: boolean;
  /** Prompt tokens still to be computed: `--router-track-prefill-tokens`. */
  readonly prefillTokens?: boolean;
}

/** Computes the costs of a request for all ranks at once. Results stand until the next call. */
export class Scorer {
  readonly #slots: WorkerSlots;
  readonly #index: OverlapIndex;
  readonly #active: ActiveSequences;
  readonly #tracksBlocks: boolean;
  readonly #tracksPrefill: boolean;
  readonly #blockSize: number;
  /** By slot: blocks in the cache, and blocks in use already. */
  #overlaps = new Int32Array(0);
  #shared = new Int32Array(0);
  /** Stands for load that isn't counted. */
  readonly #nothing = new LoadTable();
  /** By slot, and of some slots in their order. */
  #costs = new Float64Array(0);
  #chosen = new Float64Array(0);

  constructor(
    parts: { slots: WorkerSlots; index: OverlapIndex; active: ActiveSequences },
    blockSize: number,
    { activeBlocks = true, prefillTokens = true }: LoadTracking,
  ) {
    this.#slots = parts.slots;
    this.#index = parts.index;
    this.#active = parts.active;
    this.#blockSize = blockSize;
    this.#tracksBlocks = activeBlocks;
    this.#tracksPrefill = prefillTokens;
  }

  /**
   * @param slots in ascending order
   * @returns the cost of each, in the same order
   */
  score(prompt: Prompt, slots: Int32Array, settings: CostSettings): Float64Array {
    this.#match(prompt);
    const costs = this.#costs;
    const request = {
      tokens: this.#tracksPrefill ? prompt.tokens : 0,
      blocks: this.#tracksBlocks ? prompt.sequenceHashes.length : 0,
      blockSize: this.#blockSize,
    };
    fillCosts(settings, request, this.#loads(), { slots, costs });
    return slots.length === costs.length ? costs : this.#costsOf(slots);
  }

  overlapOf(slot: number): number {
    return this.#overlaps[slot] ?? 0;
  }

  /** What the cost of a rank was made of. */
  detail({ slot, worker, dpRank }: RegisteredRank, prompt: Prompt, cost: number): CandidateScore {
    const { blocks, prefillTokens, requests, shared } = this.#loads();
    const newBlocks = this.#tracksBlocks ? prompt.sequenceHashes.length : 0;
    return {
      workerId: worker.workerId,
      dpRank,
      cost,
      overlapBlocks: this.overlapOf(slot),
      prefillTokens: prefillTokens[slot] ?? 0,
      decodeBlocks: (blocks[slot] ?? 0) + newBlocks - (shared[slot] ?? 0),
      requests: requests[slot] ?? 0,
    };
  }

  #match({ blockHashes, sequenceHashes }: Prompt): void {
    const { limit } = this.#slots;
    this.#active.load.reserve(limit);
    this.#nothing.reserve(limit);
    if (this.#overlaps.length < limit) {
      this.#overlaps = new Int32Array(limit);
      this.#shared = new Int32Array(limit);
      this.#costs = new Float64Array(limit);
    }
    this.#index.match(blockHashes, this.#overlaps);
    if (this.#tracksBlocks) this.#active.match(sequenceHashes, this.#shared);
  }

  #costsOf(slots: Int32Array): Float64Array {
    if (this.#chosen.length !== slots.length) this.#chosen = new Float64Array(slots.length);
    const chosen = this.#chosen;
    for (let at = 0; at < slots.length; at++) chosen[at] = this.#costs[slots[at] ?? 0] ?? 0;
    return chosen;
  }

  #loads(): RankLoads {
    const { load } = this.#active;
    return {
      overlaps: this.#overlaps,
      shared: this.#shared,
      blocks: (this.#tracksBlocks ? load : this.#nothing).blocks,
      prefillTokens: (this.#tracksPrefill ? load : this.#nothing).prefillTokens,
      requests: load.requests,
    };
  }
}
