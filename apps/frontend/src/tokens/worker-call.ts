/**
 * Engine calls that end at a worker: the router chooses it by the tokens of the request.
 */
import { parseEngineOutput, withDecision } from "@dynamo/preprocessor/protocol";
import type { PreprocessedRequest } from "@dynamo/preprocessor/protocol";
import { EncodedPayload } from "@dynamo/request-plane-core";
import type { CallOptions, ResponseStream } from "@dynamo/request-plane-core";
import { encodeJson } from "../json.ts";
import type { Model } from "../model.ts";
import type { RoutingDecision } from "../routed-request.ts";
import type { Router } from "../router.ts";
import type { RoutingHints } from "../routing-hints.ts";
import type { EngineCall, EngineItems } from "./engine-call.ts";

/** What of a client's request concerns the way to the worker. */
export interface CallFacts extends CallOptions {
  readonly id: string;
  readonly signal: AbortSignal;
  /** What the request says of its own routing. */
  readonly hints: RoutingHints;
}

export function workerCall(router: Router, model: Model, { hints, ...options }: CallFacts): EngineCall {
  const { pin, dpRank, override, extraFields } = hints;
  const wishes = { pin, dpRank, override, explain: extraFields.has("routing") };
  return async (request) => {
    const payload = (decision: RoutingDecision): EncodedPayload => encode(withDecision(request, decision));
    const { stream } = await router.call(model, { ...wishes, prompt: request.token_ids, payload }, options);
    return outputsOf(stream);
  };
}

function encode(request: PreprocessedRequest): EncodedPayload {
  return new EncodedPayload(Buffer.from(encodeJson(request)), "json");
}

async function* outputsOf(stream: ResponseStream<unknown>): EngineItems {
  for await (const items of stream.batches()) yield items.map(parseEngineOutput);
}
