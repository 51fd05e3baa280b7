/**
 * What the routes that take work have in common: a request for a model, followed from its arrival to the end of its
 * answer.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { HttpError } from "../errors.ts";
import type { JsonBody } from "../json-body.ts";
import { UNKNOWN_MODEL } from "../metrics/frontend-metrics.ts";
import type { FrontendMetrics } from "../metrics/frontend-metrics.ts";
import type { EndpointLabel, RequestMetrics } from "../metrics/request-metrics.ts";
import type { Model } from "../model.ts";
import type { Models } from "../models.ts";
import { forwardedHeaders, requestId } from "../request-context.ts";
import type { Router } from "../router.ts";
import { routingHints } from "../routing-hints.ts";
import type { RunningRequests } from "../running-requests.ts";
import { AnswerRouting } from "../tokens/answer-routing.ts";
import type { TokensMode } from "../tokens/tokens-mode.ts";
import type { CallFacts } from "../tokens/worker-call.ts";
import { modelNotFound } from "./models.ts";

export interface RequestDependencies {
  readonly models: Models;
  readonly router: Router;
  readonly tokens: TokensMode;
  readonly running: RunningRequests;
  readonly metrics: FrontendMetrics;
  /** Largest answer that is gathered for a request that doesn't stream, in bytes. */
  readonly responseLimit: number;
}

/** What makes one route different from another. */
export interface WorkRoute {
  readonly path: string;
  readonly endpoint: EndpointLabel;
  /** As cards say it, in `model_type`. */
  readonly modelType: string;
}

/** Adds the route; requests run from their first byte on. */
export function addWorkRoute(
  app: FastifyInstance,
  route: WorkRoute,
  dependencies: RequestDependencies,
  run: (client: ClientRequest) => Promise<FastifyReply>,
): void {
  app.post(route.path, {
    onRequest: (_request, reply, next) => {
      dependencies.running.begin(reply.raw);
      next();
    },
    handler: (request, reply) => run(new ClientRequest(route, dependencies, request, reply)),
  });
}

export class ClientRequest {
  readonly dependencies: RequestDependencies;
  readonly reply: FastifyReply;
  readonly #route: WorkRoute;
  readonly #request: FastifyRequest;

  constructor(
    route: WorkRoute,
    dependencies: RequestDependencies,
    request: FastifyRequest,
    reply: FastifyReply,
  ) {
    this.#route = route;
    this.dependencies = dependencies;
    this.#request = request;
    this.reply = reply;
  }

  /** Throws an {@link HttpError} of status 415 when there is none. */
  body(): JsonBody {
    if (this.#request.body) return this.#request.body as JsonBody;
    throw new HttpError(415, "Expected request with Content-Type application/json");
  }

  /** Counts the request from here on. Called once its model is known. */
  observe(model: string, isStream: boolean): RequestMetrics {
    const { metrics, models } = this.dependencies;
    const labels = {
      model: models.get(model) ? model : UNKNOWN_MODEL,
      endpoint: this.#route.endpoint,
      request_type: isStream ? "stream" : "unary",
    } as const;
    return metrics.begin(labels, this.reply.raw);
  }

  /** The model as those of its workers see it that serve this route. Throws an {@link HttpError} of status 404. */
  model(name: string): Model {
    const { path, modelType } = this.#route;
    const model = this.dependencies.models.get(name);
    if (!model) throw modelNotFound(name);
    const serving = model.serving(modelType);
    if (serving) return serving;
    throw new HttpError(404, `Model '${name}' has no worker for ${path} (model_type ${modelType})`, {
      param: "model",
    });
  }

  facts(body: JsonBody): CallFacts {
    const { headers } = this.#request;
    const hints = routingHints(headers, body);
    return {
      id: requestId(headers),
      headers: forwardedHeaders(headers),
      signal: this.dependencies.running.signalOf(this.reply.raw),
      hints,
      routing: new AnswerRouting(hints),
    };
  }

  /** The status and headers of a stream of events. Nothing but the events may be sent from now on. */
  beginEvents(): void {
    const reply = this.reply.hijack();
    // Headers of hooks, such as those of CORS.
    for (const [name, value = ""] of Object.entries(reply.getHeaders())) reply.raw.setHeader(name, value);
    reply.raw.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  }

  /** Notes that the stream of events ended with a failure. */
  failedLate(observed: RequestMetrics, failure: HttpError, requestId: string): void {
    observed.failedLate(failure.status);
    this.dependencies.metrics.failed(failure);
    // Clients that leave are everyday life.
    const level = failure.status === 499 ? "debug" : "warn";
    this.reply.log[level]({ requestId, status: failure.status, err: failure.cause }, "Stream failed");
  }
}
