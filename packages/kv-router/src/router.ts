import { checkThresholds, isBusy } from "./busy.ts";
import type { BusyThresholds } from "./busy.ts";
import { uncachedTokens } from "./cost.ts";
import type { Cost07, Cost16, CostSettings } from "./cost.ts";
import { candidatesOf } from "./eligibility.ts";
import type { Candidates, Eligibility } from "./eligibility.ts";
import type { LoadReportStream } from "./event-source.ts";
import type { RoutingExplanation } from "./explanation.ts";
import { checkBlockSize } from "./hashing.ts";
import type { BlockHashOptions } from "./hashing.ts";
import { ApproximateIndex } from "./index/approximate-index.ts";
import type { ApproximateIndexOptions } from "./index/approximate-index.ts";
import type { OverlapIndex } from "./index/overlap-index.ts";
import { PrefixIndex } from "./index/prefix-index.ts";
import type { PrefixIndexOptions } from "./index/prefix-index.ts";
import type { ActiveRequest } from "./load/active-request.ts";
import { ActiveSequences } from "./load/active-sequences.ts";
import type { ActiveSequencesOptions } from "./load/active-sequences.ts";
import { promptOf } from "./prompt.ts";
import type { Prompt } from "./prompt.ts";
import { Scorer } from "./scorer.ts";
import type { LoadTracking } from "./scorer.ts";
import { choose, probabilities } from "./selection.ts";
import type { Choice, RandomSource } from "./selection.ts";
import { WorkerSlots } from "./worker-slots.ts";
import type { WorkerRank } from "./worker-slots.ts";
import { Workers } from "./workers.ts";
import type { LoadReport, RegisteredRank, Worker } from "./workers.ts";

export interface KvRouterOptions {
  /** Tokens in a KV block: `kv_cache_block_size` of the model's card. */
  readonly blockSize: number;
  /** `{ release: "1.6" }` unless told. */
  readonly cost?: CostSettings;
  /** 0 (always the lowest cost) unless told: `--router-temperature`. */
  readonly temperature?: number;
  /** Nobody is ever busy unless told. */
  readonly busy?: BusyThresholds;
  /** Where the router knows from what is cached: from the workers' events (default), or from its own decisions. */
  readonly cache?:
    | ({ readonly from: "events" } & PrefixIndexOptions)
    | ({ readonly from: "decisions" } & ApproximateIndexOptions);
  readonly tracking?: LoadTracking;
  readonly sequences?: ActiveSequencesOptions;
  /** `Math.random` unless told. */
  readonly random?: RandomSource;
  /** Gets the reasons for every decision of `route`, which takes its time. Must not throw. */
  readonly onDecision?: (explanation: RoutingExplanation) => void;
}

/** Settings for one request alone: those of its `router_config_override`. */
export interface RouteOverride extends Omit<Cost07, "release">, Omit<Cost16, "release"> {
  readonly temperature?: number;
}

export interface RouteRequest extends Eligibility {
  /** The same for all tries of a request. */
  readonly requestId: string;
  readonly prompt: Prompt;
  readonly override?: RouteOverride;
  /** Whether the reservation is to say why. */
  readonly explain?: boolean;
}

export interface Decision {
  readonly worker: WorkerRank;
  readonly cost: number;
  /** Blocks of the prompt that the worker has in its cache, as far as the router knows. */
  readonly overlapBlocks: number;
  /** Prompt tokens that it has to compute. */
  readonly uncachedTokens: number;
  readonly how: Choice["how"];
}

/** A decision that counts against the worker until it is released. */
export interface Reservation extends Decision {
  readonly active: ActiveRequest;
  /** When it was asked for. */
  readonly explanation: RoutingExplanation | undefined;
}

interface Selected extends Decision {
  readonly rank: RegisteredRank;
  readonly candidates: Candidates;
  readonly costs: Float64Array;
  readonly temperature: number;
}

/**
 * Sends requests where their KV cache is and there is room. It does no I/O: give it the workers, their events
 * and their load, and ask it.
 */
export class KvRouter {
  readonly blockSize: number;
  readonly slots = new WorkerSlots();
  readonly workers = new Workers(this.slots);
  readonly active: ActiveSequences;
  readonly index: OverlapIndex;
  /** The index, when it is one of events; absent when the router goes by its own decisions. */
  readonly events: PrefixIndex | undefined;
  readonly #decisions: ApproximateIndex | undefined;
  readonly #scorer: Scorer;
  readonly #cost: CostSettings;
  readonly #temperature: number;
  #busy: BusyThresholds | undefined;
  readonly #random: RandomSource;
  readonly #onDecision: ((explanation: RoutingExplanation) => void) | undefined;

  constructor(options: KvRouterOptions) {
    checkBlockSize(options.blockSize);
    this.blockSize = options.blockSize;
    const { cache = { from: "events" } } = options;
    if (cache.from === "events") this.index = this.events = new PrefixIndex(this.slots, cache);
    else this.index = this.#decisions = new ApproximateIndex(cache);
    this.active = new ActiveSequences(this.slots, options.sequences);
    const parts = { slots: this.slots, index: this.index, active: this.active };
    this.#scorer = new Scorer(parts, options.blockSize, options.tracking ?? {});
    this.#cost = options.cost ?? { release: "1.6" };
    this.#temperature = options.temperature ?? 0;
    this.setBusy(options.busy ?? {});
    this.#random = options.random ?? Math.random;
    this.#onDecision = options.onDecision;
  }

  /** Replaces the thresholds from which on a worker is busy. Throws `invalid_configuration`. */
  setBusy(thresholds: BusyThresholds): void {
    checkThresholds(thresholds);
    const hasThreshold = Object.values(thresholds).some((value) => value !== undefined);
    this.#busy = hasThreshold ? thresholds : undefined;
  }

  prompt(tokens: ArrayLike<number>, options?: BlockHashOptions): Prompt {
    return promptOf(tokens, this.blockSize, options);
  }

  setWorker(worker: Worker): void {
    const before = this.slots.ofWorker(worker.workerId);
    this.workers.set(worker);
    for (const slot of before) if (!this.workers.has(slot)) this.#forget(slot);
  }

  /** Forgets a worker: its blocks, its load, and the requests on it, whose handles do nothing from then on. */
  removeWorker(workerId: bigint): void {
    this.workers.delete(workerId);
    for (const slot of this.slots.ofWorker(workerId)) this.#forget(slot);
  }

  /** Forgets ranks that events or other routers have told about, but that are no workers of this router. */
  forgetStrangers(): void {
    for (let slot = 0; slot < this.slots.limit; slot++) {
      if (this.slots.at(slot) && !this.workers.has(slot)) this.#forget(slot);
    }
  }

  reportLoad(report: LoadReport): void {
    this.workers.report(report);
  }

  /** Takes in reports until the stream ends. Rejects when the stream does. */
  async followLoad(reports: LoadReportStream): Promise<void> {
    for await (const report of reports) this.reportLoad(report);
  }

  /** Workers all of whose ranks are over a busy threshold, for those who choose by other rules than cost. */
  busyWorkers(): ReadonlySet<bigint> {
    const thresholds = this.#busy;
    const busy = new Set<bigint>();
    if (!thresholds) return busy;
    const hasRoom = new Set<bigint>();
    for (const rank of this.workers.ranks) {
      (this.#isBusy(rank, thresholds) ? busy : hasRoom).add(rank.worker.workerId);
    }
    for (const workerId of hasRoom) busy.delete(workerId);
    return busy;
  }

  /**
   * Chooses a worker and counts the request against it.
   *
   * @throws `RequestPlaneError` `no_instances` or `overloaded`.
   */
  route(request: RouteRequest): Reservation {
    const selected = this.#select(request);
    const { prompt, requestId } = request;
    const { rank } = selected;
    const isAsked = this.#onDecision !== undefined || request.explain === true;
    const explanation = isAsked ? this.#explain(selected, request) : undefined;
    if (explanation) this.#onDecision?.(explanation);
    this.#decisions?.record(rank.slot, prompt.blockHashes, prompt.sequenceHashes);
    const active = this.active.add(rank.slot, {
      requestId,
      sequenceHashes: prompt.sequenceHashes,
      prefillTokens: selected.uncachedTokens,
      tokens: prompt.tokens,
      overlapBlocks: selected.overlapBlocks,
    });
    return { ...decisionOf(selected), active, explanation };
  }

  /** Chooses as `route` does, and changes nothing. */
  preview(request: Omit<RouteRequest, "requestId">): Decision {
    return decisionOf(this.#select(request));
  }

  /** Chooses as `route` would at the moment, changes nothing, and says why. */
  explain(request: Omit<RouteRequest, "requestId"> & { readonly requestId?: string }): RoutingExplanation {
    return this.#explain(this.#select(request), request);
  }

  #explain(
    { worker, how, candidates, costs, temperature }: Selected,
    { prompt, requestId }: { readonly prompt: Prompt; readonly requestId?: string },
  ): RoutingExplanation {
    const chances = temperature > 0 ? probabilities(costs, temperature) : undefined;
    return {
      requestId,
      tokens: prompt.tokens,
      blocks: prompt.blockHashes.length,
      temperature,
      chosen: worker,
      how,
      candidates: candidates.ranks.map((rank, at) => {
        const chance = chances?.[at];
        const score = this.#scorer.detail(rank, prompt, costs[at] ?? 0);
        return chance === undefined ? score : { ...score, chance };
      }),
      leftOut: candidates.leftOut,
    };
  }

  #select(request: Omit<RouteRequest, "requestId">): Selected {
    const { prompt, override } = request;
    const temperature = override?.temperature ?? this.#temperature;
    const settings = override ? { ...this.#cost, ...override } : this.#cost;
    const busy = this.#busy;
    const isBusyRank = busy && ((rank: RegisteredRank) => this.#isBusy(rank, busy));
    const candidates = candidatesOf(this.workers, request, isBusyRank, settings.release === "0.7");
    const scores = this.#scorer.score(prompt, candidates.slots, settings);
    const { index, how } = choose(scores, temperature, this.#random);
    const rank = candidates.ranks[index];
    if (!rank) throw new RangeError(`No candidate ${index}`);
    const overlapBlocks = this.#scorer.overlapOf(rank.slot);
    return {
      worker: { workerId: rank.worker.workerId, dpRank: rank.dpRank },
      cost: scores[index] ?? 0,
      overlapBlocks,
      uncachedTokens: uncachedTokens(prompt.tokens, overlapBlocks, this.blockSize),
      how,
      rank,
      candidates,
      costs: scores,
      temperature,
    };
  }

  #isBusy({ slot, worker }: RegisteredRank, thresholds: BusyThresholds): boolean {
    const {
      kvUsedBlocks = 0,
      activeDecodeBlocks = 0,
      activePrefillTokens = 0,
    } = this.workers.reportOf(slot) ?? {};
    return isBusy(thresholds, {
      usedBlocks: Math.max(kvUsedBlocks, activeDecodeBlocks, this.active.blocks(slot)),
      totalBlocks: worker.totalKvBlocks,
      prefillTokens: Math.max(activePrefillTokens, this.active.prefillTokens(slot)),
      maxBatchedTokens: worker.maxBatchedTokens,
    });
  }

  #forget(slot: number): void {
    this.index.clear(slot);
    this.active.clear(slot);
    this.slots.release(slot);
  }
}

function decisionOf({ worker, cost, overlapBlocks, uncachedTokens, how }: Decision): Decision {
  return { worker, cost, overlapBlocks, uncachedTokens, how };
}
