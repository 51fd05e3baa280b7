/**
 * The handler of an endpoint that takes tokens: gives the request to the engine and sends what comes from there.
 */
import { parsePreprocessedRequest } from "@dynamo/preprocessor/protocol";
import type { PreprocessedRequest } from "@dynamo/preprocessor/protocol";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { EncodedItem, Handler, RequestContext } from "@dynamo/request-plane-core";
import type { Engine } from "../engine/engine.ts";
import type { Generation } from "../engine/generation.ts";
import type { EngineRank } from "../engine/rank.ts";
import { requestedFault, strike } from "../faults.ts";
import type { Fault } from "../faults.ts";
import { engineRequest, maxTokensOf, rankOf } from "./engine-request.ts";
import { finalItem, tokenItem } from "./output-items.ts";
import type { Progress } from "./output-items.ts";

export interface TokenHandlerSettings {
  readonly seed: number;
  /** For requests that don't bring their own. */
  readonly fault: Fault | undefined;
}

interface TokenHandlerOptions extends TokenHandlerSettings {
  /** Called for each request whose prompt is computed. */
  readonly onFirstToken?: (requestId: string, dpRank: number) => void;
}

export function tokenHandler(engine: Engine, options: TokenHandlerOptions): Handler<unknown, EncodedItem> {
  return async function* (body, context) {
    const request = parsePreprocessedRequest(body);
    const fault = requestedFault(request.annotations) ?? options.fault;
    const maxTokens = maxTokensOf(request);
    const rank = chosenRank(engine, rankOf(request));
    if (!rank.accepts(request.token_ids.length)) {
      yield finalItem({ error: "request rejected: request exceeds worker admission limits" });
      return;
    }
    if (maxTokens === 0) {
      yield finalItem("length", { prompt: request.token_ids.length, cached: 0, completion: 0 });
      return;
    }
    const generation = rank.generate(engineRequest(request, maxTokens, options.seed));
    const onFirstToken = () => options.onFirstToken?.(context.id, engine.ranks.indexOf(rank));
    yield* answer({ request, generation, fault, onFirstToken }, context);
  };
}

interface Work {
  readonly request: PreprocessedRequest;
  readonly generation: Generation;
  readonly fault: Fault | undefined;
  readonly onFirstToken: () => void;
}

async function* answer(
  { request, generation, fault, onFirstToken }: Work,
  { signal }: RequestContext,
): AsyncGenerator<EncodedItem> {
  const stop = () => generation.close();
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  let completion = 0;
  const progress = (): Progress => {
    return { prompt: request.token_ids.length, cached: generation.cachedTokens, completion };
  };
  try {
    for (let some = await generation.tokens(); some.length > 0; some = await generation.tokens()) {
      for (const token of some) {
        if (fault?.after === completion) await strike(fault, signal);
        if (signal.aborted) break;
        completion += 1;
        if (completion === 1) onFirstToken();
        yield completion === 1 ? tokenItem(token, progress()) : tokenItem(token);
      }
    }
    if (fault?.after === completion) await strike(fault, signal);
    yield finalItem(signal.aborted ? "cancelled" : (generation.finishReason ?? "cancelled"), progress());
  } finally {
    signal.removeEventListener("abort", stop);
    generation.close();
  }
}

function chosenRank(engine: Engine, wanted: number | undefined): EngineRank {
  const rank = engine.rank(wanted);
  if (rank) return rank;
  const last = engine.ranks.length - 1;
  throw new RequestPlaneError(
    "invalid_argument",
    `dp_rank is ${wanted ?? "none"}, but the ranks are 0 to ${last}`,
  );
}
