/**
 * Engine calls that end at a worker: the router chooses it by the tokens of the request.
 */
import { parseEngineOutput, withDecision } from "@dynamo/preprocessor/protocol";
import type { PreprocessedRequest } from "@dynamo/preprocessor/protocol";
import { EncodedPayload, encodeJson } from "@dynamo/request-plane-core";
import type { CallOptions, ResponseStream } from "@dynamo/request-plane-core";
import type { Model } from "../model.ts";
import type { RoutingDecision } from "../routed-request.ts";
import type { Router } from "../router.ts";
import type { RoutingHints } from "../routing-hints.ts";
import type { AnswerRouting } from "./answer-routing.ts";
import type { EngineCall, EngineItems } from "./engine-call.ts";

/** What of a client's request concerns the way to the worker. */
export interface CallFacts extends CallOptions {
  readonly id: string;
  readonly signal: AbortSignal;
  /** What the request says of its own routing. */
  readonly hints: RoutingHints;
  /** Told where it goes. */
  readonly routing: AnswerRouting;
}

export function workerCall(router: Router, model: Model, facts: CallFacts): EngineCall {
  const { hints, routing, ...options } = facts;
  const { pin, dpRank, override, extraFields } = hints;
  const wishes = { pin, dpRank, override, explain: extraFields.has("routing") };
  return async (request) => {
    const prompt = request.token_ids;
    const payload = (decision: RoutingDecision): EncodedPayload => {
      routing.sent();
      return encode(withDecision(request, decision));
    };
    if (routing.isQuery) {
      const { worker, decision } = router.preview(model, { ...wishes, prompt, payload });
      routing.chosen(worker, decision, prompt);
      return NOTHING;
    }
    const { stream, decision } = await router.call(model, { ...wishes, prompt, payload }, options);
    routing.chosen(stream.instance, decision, prompt);
    return outputsOf(stream);
  };
}

/** Of a worker that wasn't asked. */
const NOTHING: EngineItems = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
};

function encode(request: PreprocessedRequest): EncodedPayload {
  return new EncodedPayload(Buffer.from(encodeJson(request)), "json");
}

async function* outputsOf(stream: ResponseStream<unknown>): EngineItems {
  for await (const items of stream.batches()) yield items.map(parseEngineOutput);
}
