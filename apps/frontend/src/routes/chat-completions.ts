/**
 * `POST /v1/chat/completions`.
 */
import { EncodedPayload } from "@dynamo/request-plane-core";
import type { ResponseStream } from "@dynamo/request-plane-core";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ResponseBudget, aggregate } from "../chat/aggregate.ts";
import { EventWriter } from "../chat/event-writer.ts";
import { checkChatRequest } from "../chat/schema.ts";
import type { ChatRequest } from "../chat/schema.ts";
import { streamEvents } from "../chat/stream.ts";
import { HttpError } from "../errors.ts";
import type { JsonBody } from "../json-body.ts";
import { encodeJson } from "../json.ts";
import { UNKNOWN_MODEL } from "../metrics/frontend-metrics.ts";
import type { FrontendMetrics } from "../metrics/frontend-metrics.ts";
import type { RequestMetrics } from "../metrics/request-metrics.ts";
import type { Models } from "../models.ts";
import { forwardedHeaders, requestId } from "../request-context.ts";
import type { Router } from "../router.ts";
import type { RunningRequests } from "../running-requests.ts";
import { pinOf } from "../worker-pin.ts";
import { modelNotFound } from "./models.ts";

export interface ChatDependencies {
  readonly models: Models;
  readonly router: Router;
  readonly running: RunningRequests;
  readonly metrics: FrontendMetrics;
  /** Largest answer that is gathered for a request that doesn't stream, in bytes. */
  readonly responseLimit: number;
}

export function chatCompletionsRoute(app: FastifyInstance, dependencies: ChatDependencies): void {
  app.post("/v1/chat/completions", {
    onRequest: (_request, reply, next) => {
      dependencies.running.begin(reply.raw);
      next();
    },
    handler: (request, reply) => new ChatCall(dependencies, request, reply).run(),
  });
}

/** One chat request on its way from validation to its answer. */
class ChatCall {
  readonly #dependencies: ChatDependencies;
  readonly #request: FastifyRequest;
  readonly #reply: FastifyReply;

  constructor(dependencies: ChatDependencies, request: FastifyRequest, reply: FastifyReply) {
    this.#dependencies = dependencies;
    this.#request = request;
    this.#reply = reply;
  }

  async run(): Promise<FastifyReply> {
    const body = bodyOf(this.#request);
    const chat = checkChatRequest(body.value);
    const observed = this.#observe(chat);
    const stream = await this.#ask(chat.model, body);
    observed.firstToken();
    return chat.stream === true ? this.#sendEvents(stream, observed) : this.#sendWhole(stream);
  }

  #observe({ model, stream }: ChatRequest): RequestMetrics {
    const { metrics, models } = this.#dependencies;
    const labels = {
      model: models.get(model) ? model : UNKNOWN_MODEL,
      endpoint: "chat_completions",
      request_type: stream === true ? "stream" : "unary",
    } as const;
    return metrics.begin(labels, this.#reply.raw);
  }

  /** Until this resolves nothing was sent, so whatever fails has a status of its own. */
  async #ask(modelName: string, body: JsonBody): Promise<ResponseStream<unknown>> {
    const { models, router, running } = this.#dependencies;
    const { headers } = this.#request;
    const model = models.get(modelName);
    if (!model) throw modelNotFound(modelName);
    const request = { pin: pinOf(headers, body), payload: () => new EncodedPayload(body.bytes, "json") };
    const { stream } = await router.call(model, request, {
      id: requestId(headers),
      headers: forwardedHeaders(headers),
      signal: running.signalOf(this.#reply.raw),
    });
    return stream;
  }

  async #sendWhole(stream: ResponseStream<unknown>): Promise<FastifyReply> {
    const completion = await aggregate(stream, new ResponseBudget(this.#dependencies.responseLimit));
    return this.#reply.type("application/json").send(encodeJson(completion));
  }

  async #sendEvents(stream: ResponseStream<unknown>, observed: RequestMetrics): Promise<FastifyReply> {
    const reply = this.#reply.hijack();
    // Headers of hooks, such as those of CORS.
    for (const [name, value = ""] of Object.entries(reply.getHeaders())) reply.raw.setHeader(name, value);
    reply.raw.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
    const writer = new EventWriter(reply.raw);
    const failure = await streamEvents(stream.jsonBatches(), writer);
    if (failure) {
      observed.failedLate(failure.status);
      this.#dependencies.metrics.failed(failure);
      // Clients that leave are everyday life.
      const level = failure.status === 499 ? "debug" : "warn";
      reply.log[level]({ requestId: stream.id, status: failure.status, err: failure.cause }, "Stream failed");
    }
    return reply;
  }
}

function bodyOf(request: FastifyRequest): JsonBody {
  if (request.body) return request.body as JsonBody;
  throw new HttpError(415, "Expected request with Content-Type application/json");
}
