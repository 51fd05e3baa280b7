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

  /** @returns the cost of each rank, in their order. */
  score(prompt: Prompt, ranks: readonly RegisteredRank[], settings: CostSettings): Float64Array {
    this.#match(prompt);
    if (this.#costs.length !== ranks.length) this.#costs = new Float64Array(ranks.length);
    const cost = costFunction(settings, {
      tokens: this.#tracksPrefill ? prompt.tokens : 0,
      blockSize: this.#blockSize,
      leastPrefillTokens: this.#leastPrefill(ranks, settings),
    });
    const active = this.#active;
    const newBlocks = prompt.sequenceHashes.length;
    for (let at = 0; at < ranks.length; at++) {
      const slot = ranks[at]?.slot ?? 0;
      const decodeBlocks = this.#tracksBlocks
        ? active.blocks(slot) + newBlocks - (this.#shared[slot] ?? 0)
        : 0;
      const prefillTokens = this.#tracksPrefill ? active.prefillTokens(slot) : 0;
      this.#costs[at] = cost(this.#overlaps[slot] ?? 0, prefillTokens, decodeBlocks, active.requests(slot));
    }
    return this.#costs;
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
    if (this.#overlaps.length < limit) {
      this.#overlaps = new Uint32Array(limit);
      this.#shared = new Uint32Array(limit);
    }
    this.#index.match(blockHashes, this.#overlaps);
    if (this.#tracksBlocks) this.#active.match(sequenceHashes, this.#shared);
  }

  #leastPrefill(ranks: readonly RegisteredRank[], settings: CostSettings): number {
    if (settings.release === "0.7" || !settings.overlapScoreCreditDecay || !this.#tracksPrefill) return 0;
    return ranks.reduce((least, { slot }) => Math.min(least, this.#active.prefillTokens(slot)), Infinity);
  }
}
