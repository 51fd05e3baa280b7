/**
 * What `POST /v1/chat/completions` and `POST /v1/completions` have in common: an answer that streams or comes whole, from
 * workers that take OpenAI's JSON or from workers that take tokens.
 */
import { EncodedPayload } from "@dynamo/request-plane-core";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ResponseBudget, aggregate } from "../chat/aggregate.ts";
import type { WholeForm } from "../chat/aggregate.ts";
import { ChunkTexts } from "../chat/chunk-text.ts";
import { EventWriter } from "../chat/event-writer.ts";
import { jsonItemEvent, streamEvents } from "../chat/stream.ts";
import { HttpError } from "../errors.ts";
import type { JsonBody } from "../json-body.ts";
import { encodeJson } from "../json.ts";
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
import { takesTokens } from "../tokens/preprocessors.ts";
import type { AnswerObserver, TokensAnswer } from "../tokens/tokens-answer.ts";
import type { TokensMode } from "../tokens/tokens-mode.ts";
import type { CallFacts } from "../tokens/worker-call.ts";
import { modelNotFound } from "./models.ts";

export interface GenerationDependencies {
  readonly models: Models;
  readonly router: Router;
  readonly tokens: TokensMode;
  readonly running: RunningRequests;
  readonly metrics: FrontendMetrics;
  /** Largest answer that is gathered for a request that doesn't stream, in bytes. */
  readonly responseLimit: number;
}

/** What all requests say. */
export interface GenerationRequest {
  readonly model: string;
  readonly stream?: boolean | null | undefined;
  readonly stream_options?: { readonly include_usage?: boolean | null | undefined } | null | undefined;
}

/** What makes one route different from another. */
export interface Generation<Request extends GenerationRequest> {
  readonly path: string;
  readonly endpoint: EndpointLabel;
  /** As cards say it, in `model_type`. */
  readonly modelType: string;
  /** Throws an {@link HttpError} of status 400 for what is no such request. */
  check(body: unknown): Request;
  askForTokens(
    tokens: TokensMode,
    model: Model,
    request: Request,
    call: { readonly body: unknown; readonly facts: CallFacts },
  ): Promise<TokensAnswer>;
  /** How the chunks of workers that take text become one answer. */
  readonly whole: WholeForm;
}

export function generationRoute<Request extends GenerationRequest>(
  app: FastifyInstance,
  generation: Generation<Request>,
  dependencies: GenerationDependencies,
): void {
  app.post(generation.path, {
    onRequest: (_request, reply, next) => {
      dependencies.running.begin(reply.raw);
      next();
    },
    handler: (request, reply) => new GenerationCall(generation, dependencies, request, reply).run(),
  });
}

/** An answer that has begun. */
interface Answer {
  readonly id: string;
  /** Sends all of it. Resolves with the failure that cut it short, if any. */
  stream(writer: EventWriter): Promise<HttpError | undefined>;
  whole(): Promise<object>;
}

/** One request on its way from validation to its answer. */
class GenerationCall<Request extends GenerationRequest> {
  readonly #generation: Generation<Request>;
  readonly #dependencies: GenerationDependencies;
  readonly #request: FastifyRequest;
  readonly #reply: FastifyReply;

  constructor(
    generation: Generation<Request>,
    dependencies: GenerationDependencies,
    request: FastifyRequest,
    reply: FastifyReply,
  ) {
    this.#generation = generation;
    this.#dependencies = dependencies;
    this.#request = request;
    this.#reply = reply;
  }

  async run(): Promise<FastifyReply> {
    const body = bodyOf(this.#request);
    const request = this.#generation.check(body.value);
    const observed = this.#observe(request);
    const model = this.#model(request.model);
    // Until this resolves nothing was sent, so whatever fails has a status of its own.
    const answer = takesTokens(model)
      ? await this.#askForTokens(model, request, body, observed)
      : await this.#askForText(model, body, observed);
    return request.stream === true ? this.#sendEvents(answer, observed) : this.#sendWhole(answer);
  }

  #observe({ model, stream }: Request): RequestMetrics {
    const { metrics, models } = this.#dependencies;
    const labels = {
      model: models.get(model) ? model : UNKNOWN_MODEL,
      endpoint: this.#generation.endpoint,
      request_type: stream === true ? "stream" : "unary",
    } as const;
    return metrics.begin(labels, this.#reply.raw);
  }

  #model(name: string): Model {
    const model = this.#dependencies.models.get(name);
    if (model?.serves(this.#generation.modelType) !== true) throw modelNotFound(name);
    return model;
  }

  async #askForText(model: Model, body: JsonBody, observed: RequestMetrics): Promise<Answer> {
    const { router, responseLimit } = this.#dependencies;
    const { hints, routing: _routing, ...options } = this.#facts(body);
    const request = { pin: hints.pin, payload: () => new EncodedPayload(body.bytes, "json") };
    const { stream } = await router.call(model, request, options);
    observed.firstToken();
    const chunks = new ChunkTexts();
    return {
      id: stream.id,
      stream: (writer) => streamEvents(stream.jsonBatches(), (item) => jsonItemEvent(item, chunks), writer),
      whole: () => aggregate(stream, new ResponseBudget(responseLimit), this.#generation.whole),
    };
  }

  async #askForTokens(
    model: Model,
    request: Request,
    body: JsonBody,
    observed: RequestMetrics,
  ): Promise<Answer> {
    const { tokens, responseLimit } = this.#dependencies;
    const facts = this.#facts(body);
    const answer = await this.#generation.askForTokens(tokens, model, request, { body: body.value, facts });
    const withUsage = request.stream_options?.include_usage === true;
    const observer = answerObserver(answer, observed);
    return {
      id: facts.id,
      stream: (writer) => streamEvents(answer.events(withUsage, observer), (event) => event, writer),
      whole: () => answer.whole(new ResponseBudget(responseLimit), observer),
    };
  }

  #facts(body: JsonBody): CallFacts {
    const { headers } = this.#request;
    const hints = routingHints(headers, body);
    return {
      id: requestId(headers),
      headers: forwardedHeaders(headers),
      signal: this.#dependencies.running.signalOf(this.#reply.raw),
      hints,
      routing: new AnswerRouting(hints),
    };
  }

  async #sendWhole(answer: Answer): Promise<FastifyReply> {
    const whole = await answer.whole();
    return this.#reply.type("application/json").send(encodeJson(whole));
  }

  async #sendEvents(answer: Answer, observed: RequestMetrics): Promise<FastifyReply> {
    const reply = this.#reply.hijack();
    // Headers of hooks, such as those of CORS.
    for (const [name, value = ""] of Object.entries(reply.getHeaders())) reply.raw.setHeader(name, value);
    reply.raw.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
    const failure = await answer.stream(new EventWriter(reply.raw));
    if (failure) {
      observed.failedLate(failure.status);
      this.#dependencies.metrics.failed(failure);
      // Clients that leave are everyday life.
      const level = failure.status === 499 ? "debug" : "warn";
      reply.log[level]({ requestId: answer.id, status: failure.status, err: failure.cause }, "Stream failed");
    }
    return reply;
  }
}

/** The first tokens say how much of the prompt the worker had computed before. */
function answerObserver({ usages }: TokensAnswer, observed: RequestMetrics): AnswerObserver {
  let hasBegun = false;
  return {
    tokens: (count) => {
      if (!hasBegun) for (const usage of usages) observed.input(usage.promptTokens, usage.cachedTokens);
      hasBegun = true;
      observed.tokens(count);
    },
  };
}

function bodyOf(request: FastifyRequest): JsonBody {
  if (request.body) return request.body as JsonBody;
  throw new HttpError(415, "Expected request with Content-Type application/json");
}
