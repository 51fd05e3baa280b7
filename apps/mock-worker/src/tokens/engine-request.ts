/** From what a frontend sends to what the engine does. */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { PreprocessedRequest } from "@dynamo/preprocessor/protocol";
import type { EngineRequest } from "../engine/sequence.ts";

/**
 * The tokens that the answer may have at most. Throws `invalid_argument` when the request doesn't say, with the
 * words of Dynamo's mocker. Source: kv-verified notes, section 1.3.
 */
export function maxTokensOf({ stop_conditions: { max_tokens: maxTokens } }: PreprocessedRequest): number {
  if (typeof maxTokens === "number") return maxTokens;
  throw new RequestPlaneError("invalid_argument", "max_output_tokens must be specified for mocker", {
    publicDetails: {
      type: "message",
      message: "`max_output_tokens` (or `max_tokens`) is required by the mocker worker",
    },
  });
}

/** The rank that the router chose: `routing` holds it from 1.0 on, 0.7 has it beside the other fields. */
export function rankOf({ routing, dp_rank: dpRank }: PreprocessedRequest): number | undefined {
  return routing?.dp_rank ?? dpRank ?? undefined;
}

export function engineRequest(request: PreprocessedRequest, maxTokens: number, seed: number): EngineRequest {
  return {
    prompt: request.token_ids,
    maxTokens,
    endingTokens: endingTokens(request),
    minTokens: request.stop_conditions.min_tokens ?? 0,
    seed: seed + Number(BigInt.asUintN(32, BigInt(request.sampling_options.seed ?? 0))),
  };
}

/** Frontends put the model's own end tokens among the hidden stop tokens too. */
function endingTokens(request: PreprocessedRequest): Map<number, "stop" | "eos"> {
  const { stop_token_ids, stop_token_ids_visible, stop_token_ids_hidden, ignore_eos } =
    request.stop_conditions;
  const endings = new Map<number, "stop" | "eos">();
  for (const list of [stop_token_ids, stop_token_ids_visible, stop_token_ids_hidden]) {
    for (const token of list ?? []) endings.set(token, "stop");
  }
  for (const token of request.eos_token_ids) {
    if (ignore_eos) endings.delete(token);
    else endings.set(token, "eos");
  }
  return endings;
}
