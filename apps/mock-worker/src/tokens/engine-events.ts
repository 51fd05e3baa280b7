import type { WorkerEvents } from "@dynamo/event-plane";
import type { KvChange } from "@dynamo/kv-router";
import type { EngineOptions } from "../engine/engine-options.ts";
import type { RankListener } from "../engine/rank.ts";

/**
 * Tells routers what the engine of one worker does. What happens before anybody can be told is told then: a worker
 * may be found, and asked, a moment before it can tell.
 */
export class EngineEvents {
  readonly #engine: EngineOptions;
  readonly #kvEvents: boolean;
  readonly #early: { readonly dpRank: number; readonly change: KvChange }[] = [];
  #events: WorkerEvents | undefined;

  /** @param kvEvents whether routers want to hear of the cache. */
  constructor(engine: EngineOptions, kvEvents: boolean) {
    this.#engine = engine;
    this.#kvEvents = kvEvents;
  }

  /** For the rank of the engine. */
  listener(dpRank: number): RankListener {
    const { numGpuBlocks: totalKvBlocks, maxNumSeqs: maxRequests } = this.#engine;
    return {
      kvChanges: (changes) => {
        for (const change of changes) this.#tell(dpRank, change);
      },
      load: ({ running, waiting, usedBlocks }) => {
        this.#events?.reportLoad({
          dpRank,
          kvUsedBlocks: usedBlocks,
          totalKvBlocks,
          runningRequests: running,
          waitingRequests: waiting,
          maxRequests,
        });
      },
    };
  }

  /** The first token of a request is there. */
  prefillCompleted(requestId: string, dpRank: number): void {
    this.#events?.prefillCompleted(requestId, dpRank);
  }

  /** From now on routers can be told. */
  tell(events: WorkerEvents): void {
    this.#events = events;
    for (const { dpRank, change } of this.#early.splice(0)) events.publishKv(dpRank, change);
  }

  #tell(dpRank: number, change: KvChange): void {
    if (!this.#kvEvents) return;
    if (this.#events) this.#events.publishKv(dpRank, change);
    else this.#early.push({ dpRank, change });
  }
}
