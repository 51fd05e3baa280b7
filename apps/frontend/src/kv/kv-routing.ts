/**
 * A router for each model whose workers take tokens, for as long as it has some: in mode `kv` to choose by, in others to
 * know who is busy.
 */
import type { EventPlane } from "@dynamo/event-plane";
import { formatExplanation } from "@dynamo/kv-router";
import type { BusyThresholds, KvRouterOptions } from "@dynamo/kv-router";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { FastifyBaseLogger } from "fastify";
import type { Model } from "../model.ts";
import type { RouterOptions } from "../router-options.ts";
import { KvEvents } from "./kv-events.ts";
import { KvModel } from "./kv-model.ts";
import { kvWorkers } from "./kv-workers.ts";

/** How often to look for requests and workers that everybody has forgotten, in milliseconds. */
const SWEEP_MS = 60_000;

export class KvRouting {
  readonly #options: RouterOptions;
  /** Whether it chooses workers. */
  readonly #routes: boolean;
  readonly #logger: FastifyBaseLogger;
  readonly #models = new Map<string, KvModel>();
  /** Those that were changed while the frontend runs. A model that comes again has them again. */
  readonly #thresholds = new Map<string, BusyThresholds>();
  /** Models that were said to go without. */
  readonly #without = new Set<string>();
  readonly #sweeping: NodeJS.Timeout;
  readonly #closing = new Set<Promise<void>>();
  #plane: EventPlane | undefined;

  constructor(options: RouterOptions, logger: FastifyBaseLogger) {
    this.#options = options;
    this.#routes = options.routerMode === "kv";
    this.#logger = logger;
    this.#sweeping = setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  /** Whether there is something to do: other modes need to know of their workers' load for busy thresholds only. */
  static isNeeded(options: RouterOptions): boolean {
    return options.routerMode === "kv" || Object.keys(busyThresholds(options)).length > 0;
  }

  /** Whether there has to be something that carries events. */
  get needsEvents(): boolean {
    return !this.#routes || this.#options.routerKvEvents || this.#options.routerReplicaSync;
  }

  /** Before the first models. The plane is closed by whoever made it, after this. */
  useEvents(plane: EventPlane): void {
    this.#plane = plane;
  }

  /** The router of the model; `undefined` when its workers don't take tokens. */
  of(model: string): KvModel | undefined {
    return this.#models.get(model);
  }

  /** The busy thresholds of all models that have some. */
  *thresholds(): Iterable<[model: string, BusyThresholds]> {
    for (const name of this.#models.keys()) {
      const thresholds = this.thresholdsOf(name);
      if (thresholds && Object.keys(thresholds).length > 0) yield [name, thresholds];
    }
  }

  /** `undefined` for a model that isn't routed here. */
  thresholdsOf(model: string): BusyThresholds | undefined {
    return this.#models.has(model)
      ? (this.#thresholds.get(model) ?? busyThresholds(this.#options))
      : undefined;
  }

  /** Replaces those that are given, until the frontend ends. Returns what holds now. */
  changeThresholds(model: string, changes: BusyThresholds): BusyThresholds {
    const thresholds = { ...this.thresholdsOf(model), ...changes };
    this.#models.get(model)?.router.setBusy(thresholds);
    this.#thresholds.set(model, thresholds);
    this.#logger.info({ model, thresholds }, "Busy thresholds have changed");
    return thresholds;
  }

  /** Takes the present models with their workers. */
  update(models: ReadonlyMap<string, Model>): void {
    for (const [name, kvModel] of this.#models) if (!models.has(name)) this.#remove(name, kvModel);
    for (const name of this.#without) if (!models.has(name)) this.#without.delete(name);
    for (const model of models.values()) {
      const known = this.#models.get(model.name) ?? this.#add(model);
      known?.update(model);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeping);
    for (const [name, kvModel] of this.#models) this.#remove(name, kvModel);
    await Promise.all(this.#closing);
  }

  #remove(name: string, kvModel: KvModel): void {
    this.#models.delete(name);
    const closing = kvModel.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #events(): KvEvents | undefined {
    const { routerReplicaSync, routerResetStates, routerSnapshotThreshold } = this.#options;
    return (
      this.#plane &&
      new KvEvents(this.#plane, {
        replicaSync: this.#routes && routerReplicaSync,
        resetStates: routerResetStates,
        snapshotThreshold: routerSnapshotThreshold,
        logger: this.#logger,
      })
    );
  }

  #add(model: Model): KvModel | undefined {
    const [first] = kvWorkers(model).values();
    try {
      if (!first) throw new RequestPlaneError("invalid_argument", "its workers take text, not tokens");
      const busy = this.#thresholds.get(model.name) ?? busyThresholds(this.#options);
      const options = { ...this.#routerOptions(first.card.kv_cache_block_size), busy };
      const kvModel = new KvModel(model.name, options, { events: this.#events(), logger: this.#logger });
      this.#models.set(model.name, kvModel);
      return kvModel;
    } catch (error) {
      this.#goWithout(model.name, RequestPlaneError.from(error).message);
      return undefined;
    }
  }

  /** Once for each model: its workers come and go. */
  #goWithout(model: string, reason: string): void {
    if (this.#without.has(model)) return;
    this.#without.add(model);
    const message = this.#routes
      ? "Router mode kv can't route this model; its workers take turns"
      : "Busy thresholds don't count for this model";
    this.#logger.warn({ model, reason }, message);
  }

  #routerOptions(blockSize: number): KvRouterOptions {
    const options = this.#options;
    const logger = this.#logger;
    return {
      blockSize,
      cost: {
        release: "1.6",
        overlapScoreCredit: options.routerKvOverlapScoreCredit,
        overlapScoreCreditDecay: options.routerKvOverlapScoreCreditDecay,
        prefillLoadScale: options.routerPrefillLoadScale,
        decodeActiveRequestWeight: options.routerDecodeActiveRequestWeight,
      },
      temperature: options.routerTemperature,
      cache:
        this.#routes && options.routerKvEvents
          ? { from: "events" }
          : { from: "decisions", ttlMs: options.routerTtlSecs * 1000 },
      tracking: {
        activeBlocks: options.routerTrackActiveBlocks,
        prefillTokens: options.routerTrackPrefillTokens,
      },
      // The reasons cost more than the decision.
      ...(isDebug(logger) && { onDecision: (why) => logger.debug(formatExplanation(why)) }),
    };
  }

  #sweep(): void {
    for (const { router } of this.#models.values()) {
      router.active.sweep();
      router.forgetStrangers();
    }
  }
}

function busyThresholds(options: RouterOptions): BusyThresholds {
  const {
    activeDecodeBlocksThreshold: activeDecodeBlocks,
    activePrefillTokensThreshold: activePrefillTokens,
    activePrefillTokensThresholdFrac: activePrefillTokensFrac,
  } = options;
  return {
    ...(activeDecodeBlocks !== undefined && { activeDecodeBlocks }),
    ...(activePrefillTokens !== undefined && { activePrefillTokens }),
    ...(activePrefillTokensFrac !== undefined && { activePrefillTokensFrac }),
  };
}

function isDebug({ level }: FastifyBaseLogger): boolean {
  return level === "debug" || level === "trace";
}
