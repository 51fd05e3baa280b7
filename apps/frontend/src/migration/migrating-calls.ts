/**
 * Puts migration between the frontend's side of a request and its workers.
 */
import type { Logger } from "@dynamo/request-plane-core";
import type { Model } from "../model.ts";
import type { EngineCall } from "../tokens/engine-call.ts";
import { migrate } from "./migrate.ts";
import type { MigrationObserver } from "./migrate.ts";
import { Repeats } from "./repeats.ts";

export interface MigrationSettings {
  /** Of one request, how often it may be sent again. Default: what the model's card says, which 0.7 reads. */
  readonly migrationLimit?: number;
  /** In tokens. Default: no limit. */
  readonly migrationMaxSeqLen?: number;
}

/** What of a request decides whether it may move. */
export interface MovingRequest {
  readonly id: string;
  readonly signal: AbortSignal;
}

export class MigratingCalls {
  readonly #settings: MigrationSettings;
  readonly #metricsOf: (model: string) => MigrationObserver;
  readonly #logger: Logger;
  readonly #losses = new Repeats();

  constructor(settings: MigrationSettings, metricsOf: (model: string) => MigrationObserver, logger: Logger) {
    this.#settings = settings;
    this.#metricsOf = metricsOf;
    this.#logger = logger;
  }

  /** The call that goes on at another worker when one is lost; each time it is `call` that chooses the worker. */
  around(call: EngineCall, model: Model, request: MovingRequest): EngineCall {
    const options = {
      limit: this.#settings.migrationLimit ?? limitOfCard(model),
      maxSequence: this.#settings.migrationMaxSeqLen,
      signal: request.signal,
      observer: this.#observer(model.name, request.id),
    };
    return (preprocessed) => migrate(preprocessed, call, options);
  }

  #observer(model: string, requestId: string): MigrationObserver {
    const metrics = this.#metricsOf(model);
    return {
      lost: (type, error) => {
        metrics.lost(type, error);
        // Its text names the worker, where that is known.
        const level = this.#losses.isNews(`${model}: ${String(error)}`) ? "warn" : "debug";
        this.#logger[level]({ requestId, model, err: error }, "Lost a worker of a request");
      },
      settled: (type, outcome, startedAt) => {
        metrics.settled(type, outcome, startedAt);
        if (outcome === "success")
          this.#logger.info({ requestId, model }, "The request goes on at another worker");
      },
      tooLong: () => metrics.tooLong(),
    };
  }
}

/** The first card's, as replicas say the same. */
function limitOfCard(model: Model): number {
  const [card] = model.cards();
  return card?.migration_limit ?? 0;
}
