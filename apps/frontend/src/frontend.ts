/**
 * Puts the frontend together from its options, starts it and ends it.
 */
import { eventPlaneFromEnv } from "@dynamo/event-plane";
import type { EventPlane } from "@dynamo/event-plane";
import { createNetworkManager } from "@dynamo/request-plane-core";
import type { Discovery, NetworkManager, Timeouts, Transport } from "@dynamo/request-plane-core";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import { KvRouting } from "./kv/kv-routing.ts";
import { FrontendMetrics } from "./metrics/frontend-metrics.ts";
import { MigratingCalls } from "./migration/migrating-calls.ts";
import { Models } from "./models.ts";
import type { Options } from "./options.ts";
import { Router } from "./router.ts";
import { busyThresholdRoute } from "./routes/busy-threshold.ts";
import { chatCompletionsRoute } from "./routes/chat-completions.ts";
import { completionsRoute } from "./routes/completions.ts";
import { embeddingsRoute } from "./routes/embeddings.ts";
import { healthRoutes } from "./routes/health.ts";
import { metricsRoute } from "./routes/metrics.ts";
import { modelRoutes } from "./routes/models.ts";
import { responsesRoute } from "./routes/responses.ts";
import { RunningRequests } from "./running-requests.ts";
import { createServer, refuseWhileDraining } from "./server.ts";
import { Preprocessors } from "./tokens/preprocessors.ts";
import { TokensMode } from "./tokens/tokens-mode.ts";
import { workerCall } from "./tokens/worker-call.ts";

export interface FrontendParts {
  readonly options: Options;
  /** The chosen plane first. */
  readonly transports: readonly Transport[];
  /** Closed by whoever made it, after the frontend. */
  readonly discovery: Discovery;
  readonly logger: FastifyBaseLogger;
}

export class Frontend {
  readonly models: Models;
  readonly running: RunningRequests;
  readonly manager: NetworkManager;
  readonly metrics: FrontendMetrics;
  /** Absent unless the router's mode is `kv` or busy thresholds are set. */
  readonly kv: KvRouting | undefined;
  readonly #preprocessors: Preprocessors;
  readonly #options: Options;
  readonly #logger: FastifyBaseLogger;
  readonly #app: FastifyInstance;
  #eventPlane: EventPlane | undefined;
  #closing: Promise<void> | undefined;

  constructor({ options, transports, discovery, logger }: FrontendParts) {
    this.#options = options;
    this.#logger = logger;
    this.running = new RunningRequests(options.httpClientStallTimeoutSecs * 1000);
    this.manager = createNetworkManager({ transports, discovery, logger, settings: timeoutsOf(options) });
    const schemes = transports.map((transport) => transport.scheme);
    const { namespace, modelName } = options;
    const kv = KvRouting.isNeeded(options) ? new KvRouting(options, logger) : undefined;
    this.kv = kv;
    const preprocessors = new Preprocessors(logger);
    this.#preprocessors = preprocessors;
    this.models = new Models({
      manager: this.manager,
      discovery,
      logger,
      schemes,
      namespace,
      modelName,
      onChange: (models) => {
        kv?.update(models);
        preprocessors.update(models.values());
      },
    });
    const metrics = new FrontendMetrics(options.metricsPrefix, this.models);
    this.metrics = metrics;
    this.#app = createServer({
      logger,
      running: this.running,
      bodyLimitMb: options.httpBodyLimitMb,
      overloadStatus: options.httpOverloadStatusCode,
      corsOrigins: options.httpCorsOrigin,
      onFailure: (failure) => metrics.failed(failure),
    });
    healthRoutes(this.#app, { discovery, running: this.running, namespace });
    metricsRoute(this.#app, metrics);
    busyThresholdRoute(this.#app, kv);
    const migration = new MigratingCalls(options, (model) => metrics.migrations(model), logger);
    void this.#app.register(async (app) => this.#addWork(app, migration));
  }

  /** Resolves with the address when requests can come. Rejects with Node's error when it can't listen. */
  async start(): Promise<string> {
    const { httpHost: host, httpPort: port } = this.#options;
    await this.#listenToEvents();
    this.models.start();
    return this.#app.listen({ host, port, listenTextResolver: (address) => `Listening on ${address}` });
  }

  /** Refuses new requests, lets the running ones finish within the budget, and frees everything. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.running.drain(this.#options.httpGracefulShutdownTimeoutSecs * 1000);
    await this.#app.close();
    await this.models.close();
    await this.kv?.close();
    await this.#eventPlane?.close();
    await this.#preprocessors.close();
    await this.manager.close();
  }

  /** Rejects with `invalid_configuration` when there is nothing that could carry them. */
  async #listenToEvents(): Promise<void> {
    if (this.kv?.needsEvents !== true) return;
    const mode = this.#options.eventPlane;
    this.#eventPlane = await eventPlaneFromEnv({ manager: this.manager, mode, logger: this.#logger });
    await this.#eventPlane.connect();
    this.kv.useEvents(this.#eventPlane);
  }

  #addWork(app: FastifyInstance, migration: MigratingCalls): void {
    const options = this.#options;
    refuseWhileDraining(app, this.running);
    modelRoutes(app, this.models, (model) => this.#preprocessors.canServe(model));
    const router = new Router(options.routerMode, this.kv);
    const dependencies = {
      models: this.models,
      router,
      tokens: new TokensMode(this.#preprocessors, (model, facts) =>
        migration.around(workerCall(router, model, facts), model, facts),
      ),
      running: this.running,
      metrics: this.metrics,
      responseLimit: options.httpResponseLimitMb * 1024 * 1024,
    };
    chatCompletionsRoute(app, dependencies);
    completionsRoute(app, dependencies);
    embeddingsRoute(app, dependencies);
    responsesRoute(app, dependencies);
  }
}

function timeoutsOf(options: Options): Timeouts {
  return {
    establishMs: options.responseEstablishTimeoutSecs * 1000,
    firstItemMs: options.responseFirstItemTimeoutSecs * 1000,
    betweenItemsMs: options.httpBackendStreamTimeoutSecs * 1000,
    totalMs: options.responseTotalTimeoutSecs * 1000,
  };
}
