/**
 * What `POST /v1/chat/completions` and `POST /v1/completions` have in common: an answer that streams or comes whole, from
 * workers that take OpenAI's JSON or from workers that take tokens.
 */
import { EncodedPayload, encodeJson } from "@dynamo/request-plane-core";
import type { FastifyInstance, FastifyReply } from "fastify";
import { ResponseBudget, aggregate } from "../chat/aggregate.ts";
import type { WholeForm } from "../chat/aggregate.ts";
import { ChunkTexts } from "../chat/chunk-text.ts";
import { EventWriter } from "../chat/event-writer.ts";
import { jsonItemEvent, streamEvents } from "../chat/stream.ts";
import type { HttpError } from "../errors.ts";
import type { JsonBody } from "../json-body.ts";
import type { RequestMetrics } from "../metrics/request-metrics.ts";
import type { Model } from "../model.ts";
import { takesTokens } from "../tokens/preprocessors.ts";
import type { AnswerObserver, TokensAnswer } from "../tokens/tokens-answer.ts";
import type { TokensMode } from "../tokens/tokens-mode.ts";
import type { CallFacts } from "../tokens/worker-call.ts";
import { addWorkRoute } from "./client-request.ts";
import type { ClientRequest, RequestDependencies, WorkRoute } from "./client-request.ts";

/** What all requests say. */
export interface GenerationRequest {
  readonly model: string;
  readonly stream?: boolean | null | undefined;
  readonly stream_options?: { readonly include_usage?: boolean | null | undefined } | null | undefined;
}

/** What makes one of them different from another. */
export interface Generation<Request extends GenerationRequest> extends WorkRoute {
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
  dependencies: RequestDependencies,
): void {
  addWorkRoute(app, generation, dependencies, (client) => new GenerationCall(generation, client).run());
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
  readonly #client: ClientRequest;

  constructor(generation: Generation<Request>, client: ClientRequest) {
    this.#generation = generation;
    this.#client = client;
  }

  async run(): Promise<FastifyReply> {
    const client = this.#client;
    const body = client.body();
    const request = this.#generation.check(body.value);
    const observed = client.observe(request.model, request.stream === true);
    const model = client.model(request.model);
    // Until this resolves nothing was sent, so whatever fails has a status of its own.
    const answer = takesTokens(model)
      ? await this.#askForTokens(model, request, body, observed)
      : await this.#askForText(model, body, observed);
    return request.stream === true ? this.#sendEvents(answer, observed) : this.#sendWhole(answer);
  }

  async #askForText(model: Model, body: JsonBody, observed: RequestMetrics): Promise<Answer> {
    const { router, responseLimit } = this.#client.dependencies;
    const { hints, routing: _routing, ...options } = this.#client.facts(body);
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
    const { tokens, responseLimit } = this.#client.dependencies;
    const facts = this.#client.facts(body);
    const answer = await this.#generation.askForTokens(tokens, model, request, { body: body.value, facts });
    const withUsage = request.stream_options?.include_usage === true;
    const observer = answerObserver(answer, observed);
    return {
      id: facts.id,
      stream: (writer) => streamEvents(answer.events(withUsage, observer), (event) => event, writer),
      whole: () => answer.whole(new ResponseBudget(responseLimit), observer),
    };
  }

  async #sendWhole(answer: Answer): Promise<FastifyReply> {
    const whole = await answer.whole();
    return this.#client.reply.type("application/json").send(encodeJson(whole));
  }

  async #sendEvents(answer: Answer, observed: RequestMetrics): Promise<FastifyReply> {
    const { reply } = this.#client;
    this.#client.beginEvents();
    const failure = await answer.stream(new EventWriter(reply.raw));
    if (failure) this.#client.failedLate(observed, failure, answer.id);
    return reply;
  }
}

/** The first tokens say how much of the prompt the worker had computed before. */
export function answerObserver({ usages }: TokensAnswer, observed: RequestMetrics): AnswerObserver {
  let hasBegun = false;
  return {
    tokens: (count) => {
      if (!hasBegun) for (const usage of usages) observed.input(usage.promptTokens, usage.cachedTokens);
      hasBegun = true;
      observed.tokens(count);
    },
  };
}
