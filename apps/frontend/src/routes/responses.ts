/**
 * `POST /v1/responses`, answered by workers that take chats.
 */
import { EncodedPayload, encodeJson } from "@dynamo/request-plane-core";
import type { FastifyInstance, FastifyReply } from "fastify";
import { ResponseBudget } from "../chat/aggregate.ts";
import { asChunk } from "../chat/chunk.ts";
import type { ChatChunk, Fields } from "../chat/chunk.ts";
import { EventWriter } from "../chat/event-writer.ts";
import { checkChatRequest } from "../chat/schema.ts";
import { DONE, namedEvent } from "../chat/sse.ts";
import { toHttpError } from "../errors.ts";
import type { RequestMetrics } from "../metrics/request-metrics.ts";
import type { Model } from "../model.ts";
import type { ResponseEvent } from "../responses/output-items.ts";
import { ResponseBuilder } from "../responses/response-builder.ts";
import { now } from "../responses/response-object.ts";
import { checkResponsesRequest } from "../responses/schema.ts";
import { chatOf } from "../responses/to-chat.ts";
import { takesTokens } from "../tokens/preprocessors.ts";
import type { CallFacts } from "../tokens/worker-call.ts";
import { addWorkRoute } from "./client-request.ts";
import type { ClientRequest, RequestDependencies } from "./client-request.ts";
import { answerObserver } from "./generation.ts";

const ROUTE = { path: "/v1/responses", endpoint: "responses", modelType: "Chat" } as const;

export function responsesRoute(app: FastifyInstance, dependencies: RequestDependencies): void {
  addWorkRoute(app, ROUTE, dependencies, (client) => new ResponsesCall(client).run());
}

/** Chunks of a chat, those that are here together. */
type Chunks = AsyncIterable<readonly ChatChunk[]>;

class ResponsesCall {
  readonly #client: ClientRequest;

  constructor(client: ClientRequest) {
    this.#client = client;
  }

  async run(): Promise<FastifyReply> {
    const client = this.#client;
    const body = client.body();
    const request = checkResponsesRequest(body.value);
    const isStream = request.stream === true;
    const observed = client.observe(request.model, isStream);
    const model = client.model(request.model);
    const facts = client.facts(body);
    const chat = chatOf(request);
    const chunks = takesTokens(model)
      ? await this.#askForTokens(model, chat, facts, observed)
      : await this.#askForText(model, chat, facts, observed);
    const id = `resp_${facts.id.replaceAll("-", "")}`;
    const builder = new ResponseBuilder({ id, createdAt: now(), request });
    return isStream
      ? this.#sendEvents(chunks, builder, facts.id, observed)
      : this.#sendWhole(chunks, builder);
  }

  async #askForText(
    model: Model,
    chat: Fields,
    { hints, routing: _routing, ...options }: CallFacts,
    observed: RequestMetrics,
  ): Promise<Chunks> {
    const payload = new EncodedPayload(Buffer.from(encodeJson(chat)), "json");
    const request = { pin: hints.pin, payload: () => payload };
    const { stream } = await this.#client.dependencies.router.call(model, request, options);
    observed.firstToken();
    return mapBatches(stream.batches(), asChunk);
  }

  async #askForTokens(
    model: Model,
    chat: Fields,
    facts: CallFacts,
    observed: RequestMetrics,
  ): Promise<Chunks> {
    const { tokens } = this.#client.dependencies;
    const answer = await tokens.chat(model, checkChatRequest(chat), chat, facts);
    return mapBatches(answer.chunks(answerObserver(answer, observed)), (json) => asChunk(JSON.parse(json)));
  }

  async #sendWhole(chunks: Chunks, builder: ResponseBuilder): Promise<FastifyReply> {
    const { reply, dependencies } = this.#client;
    const budget = new ResponseBudget(dependencies.responseLimit);
    for await (const batch of chunks) {
      for (const chunk of batch) {
        budget.spend(chunk);
        builder.take(chunk);
      }
    }
    builder.end();
    return reply.type("application/json").send(encodeJson(builder.whole()));
  }

  async #sendEvents(
    chunks: Chunks,
    builder: ResponseBuilder,
    requestId: string,
    observed: RequestMetrics,
  ): Promise<FastifyReply> {
    const client = this.#client;
    client.beginEvents();
    const writer = new EventWriter(client.reply.raw);
    const write = numbered();
    try {
      writer.send(write(builder.begin()));
      for await (const batch of chunks) {
        for (const chunk of batch) writer.send(write(builder.take(chunk)));
        const wait = writer.drained();
        if (wait) await wait;
      }
      writer.end(write(builder.end()) + DONE);
    } catch (error) {
      const failure = toHttpError(error);
      writer.end(write(builder.fail(failure)) + DONE);
      client.failedLate(observed, failure, requestId);
    }
    return client.reply;
  }
}

async function* mapBatches<From>(
  batches: AsyncIterable<readonly From[]>,
  convert: (item: From) => ChatChunk,
): AsyncGenerator<readonly ChatChunk[], void, undefined> {
  for await (const batch of batches) yield batch.map(convert);
}

/** Events as text, with their numbers. */
function numbered(): (events: readonly ResponseEvent[]) => string {
  let number = 0;
  return (events) =>
    events
      .map(({ type, ...fields }) =>
        namedEvent(type, encodeJson({ type, sequence_number: number++, ...fields })),
      )
      .join("");
}
