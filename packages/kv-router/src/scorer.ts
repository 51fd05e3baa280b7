import { costFunction } from "./cost.ts";
import type { CostSettings } from "./cost.ts";
import type { CandidateScore } from "./explanation.ts";
import type { OverlapIndex } from "./index/overlap-index.ts";
import type { ActiveSequences } from "./load/active-sequences.ts";
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
  #overlaps = new Uint32Array(0);
  #shared = new Uint32Array(0);
  #costs = new Float64Array(0);

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

  /** @returns the cost of each slot, in their order. */
  score(prompt: Prompt, slots: Int32Array, settings: CostSettings): Float64Array {
    this.#match(prompt);
    if (this.#costs.length !== slots.length) this.#costs = new Float64Array(slots.length);
    const cost = costFunction(settings, {
      tokens: this.#tracksPrefill ? prompt.tokens : 0,
      blockSize: this.#blockSize,
      leastPrefillTokens: this.#leastPrefill(slots, settings),
    });
    const { blocks, prefillTokens, requests } = this.#active.load;
    const costs = this.#costs;
    const overlaps = this.#overlaps;
    const shared = this.#shared;
    const newBlocks = prompt.sequenceHashes.length;
    for (let at = 0; at < slots.length; at++) {
      const slot = slots[at] ?? 0;
      const decode = this.#tracksBlocks ? (blocks[slot] ?? 0) + newBlocks - (shared[slot] ?? 0) : 0;
      const prefill = this.#tracksPrefill ? (prefillTokens[slot] ?? 0) : 0;
      costs[at] = cost(overlaps[slot] ?? 0, prefill, decode, requests[slot] ?? 0);
    }
    return costs;
  }

  overlapOf(slot: number): number {
    return this.#overlaps[slot] ?? 0;
  }

  /** What the cost of a rank was made of. */
  detail({ slot, worker, dpRank }: RegisteredRank, prompt: Prompt, cost: number): CandidateScore {
    const decodeBlocks = this.#active.blocks(slot) + prompt.sequenceHashes.length - (this.#shared[slot] ?? 0);
    return {
      workerId: worker.workerId,
      dpRank,
      cost,
      overlapBlocks: this.overlapOf(slot),
      prefillTokens: this.#tracksPrefill ? this.#active.prefillTokens(slot) : 0,
      decodeBlocks: this.#tracksBlocks ? decodeBlocks : 0,
      requests: this.#active.requests(slot),
    };
  }

  #match({ blockHashes, sequenceHashes }: Prompt): void {
    const { limit } = this.#slots;
    this.#active.load.reserve(limit);
    if (this.#overlaps.length < limit) {
      this.#overlaps = new Uint32Array(limit);
      this.#shared = new Uint32Array(limit);
    }
    this.#index.match(blockHashes, this.#overlaps);
    if (this.#tracksBlocks) this.#active.match(sequenceHashes, this.#shared);
  }

  #leastPrefill(slots: Int32Array, settings: CostSettings): number {
    if (settings.release === "0.7" || !settings.overlapScoreCreditDecay || !this.#tracksPrefill) return 0;
    return slots.reduce((least, slot) => Math.min(least, this.#active.prefillTokens(slot)), Infinity);
  }
}
