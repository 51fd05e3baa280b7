/**
 * `POST /v1/embeddings`, passed to workers that take it as text.
 */
import { EncodedPayload, encodeJson } from "@dynamo/request-plane-core";
import type { FastifyInstance, FastifyReply } from "fastify";
import { ResponseBudget } from "../chat/aggregate.ts";
import { aggregateEmbeddings } from "../embeddings/aggregate.ts";
import { checkEmbeddingRequest } from "../embeddings/schema.ts";
import { HttpError } from "../errors.ts";
import { takesTokens } from "../tokens/preprocessors.ts";
import { addWorkRoute } from "./client-request.ts";
import type { ClientRequest, RequestDependencies } from "./client-request.ts";

const ROUTE = { path: "/v1/embeddings", endpoint: "embeddings", modelType: "Embedding" } as const;

export function embeddingsRoute(app: FastifyInstance, dependencies: RequestDependencies): void {
  addWorkRoute(app, ROUTE, dependencies, answer);
}

async function answer(client: ClientRequest): Promise<FastifyReply> {
  const { router, responseLimit } = client.dependencies;
  const body = client.body();
  const { model: name } = checkEmbeddingRequest(body.value);
  const observed = client.observe(name, false);
  const model = client.model(name);
  if (takesTokens(model))
    throw new HttpError(501, `Model '${name}' takes tokens, which is not implemented for embeddings`);
  const { hints, routing: _routing, ...options } = client.facts(body);
  const request = { pin: hints.pin, payload: () => new EncodedPayload(body.bytes, "json") };
  const { stream } = await router.call(model, request, options);
  observed.firstToken();
  const embeddings = await aggregateEmbeddings(stream, new ResponseBudget(responseLimit));
  return client.reply.type("application/json").send(encodeJson(embeddings));
}
