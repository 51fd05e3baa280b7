/**
 * What a worker of `model_input` "Tokens" answers with: the `data` of each item.
 *
 * Source: kv-verified notes, sections 1.3 and 2.2; interop notes, section B4; lib/llm/src/protocols/common/llm_backend.rs
 * of ai-dynamo/dynamo.
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import { isFields, isU32 } from "./fields.ts";
import * as check from "./fields.ts";
import type { Check } from "./fields.ts";

/** Why the answer is over. Workers write `abort` too, which is read as `cancelled`. */
export type FinishReason =
  "eos" | "stop" | "length" | "cancelled" | "content_filter" | { readonly error: string };

/** One of the likeliest tokens at a place. */
export interface TopLogprob {
  /** From 0 on or from 1 on, as the engine counts. */
  readonly rank?: number | null;
  readonly token_id: number;
  readonly token?: string | null;
  /** Natural logarithm. */
  readonly logprob: number;
  readonly bytes?: readonly number[] | null;
}

/** In tokens. */
export interface CompletionUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details?: {
    readonly audio_tokens?: number | null;
    /** Tokens of the prompt whose KV blocks the worker had. */
    readonly cached_tokens?: number | null;
  } | null;
  readonly [unknown: string]: unknown;
}

export interface EngineOutput {
  /** The tokens since the item before; empty in an item that says only why the answer is over. */
  readonly token_ids: readonly number[];
  /** The text of each token, from workers that detokenize. */
  readonly tokens?: readonly (string | null)[] | null;
  /** The text of the tokens together, from workers that detokenize (Dynamo's mocker of 0.7 does). */
  readonly text?: string | null;
  readonly cum_log_probs?: number | null;
  /** One for each of `token_ids`, natural logarithms. */
  readonly log_probs?: readonly number[] | null;
  readonly top_logprobs?: readonly (readonly TopLogprob[])[] | null;
  readonly finish_reason?: FinishReason | null;
  /** The stop text or stop token that ended the answer. */
  readonly stop_reason?: string | number | null;
  /** Of the choice; absent is 0. */
  readonly index?: number | null;
  /** From 1.4 on, in the first and in the last item. */
  readonly completion_usage?: CompletionUsage | null;
  readonly [unknown: string]: unknown;
}

/**
 * The decoded data of an item as an output; fields it doesn't know stay. Runs for each token, and returns the value
 * itself. Throws `protocol_error`, which names the field at fault.
 */
export function parseEngineOutput(value: unknown): EngineOutput {
  if (isPlain(value)) return value;
  const fault = check.isFields(value) ? (missing(value) ?? output(value, "")) : "it is not an object";
  if (fault !== undefined) {
    throw new RequestPlaneError(
      "protocol_error",
      `The worker sent an item that is no engine output: ${fault}`,
    );
  }
  const valid = value as EngineOutput;
  return (valid.finish_reason as string | undefined) === "abort"
    ? { ...valid, finish_reason: "cancelled" }
    : valid;
}

/** What nearly all items are: one token and nothing else. */
function isPlain(value: unknown): value is EngineOutput {
  if (!isFields(value)) return false;
  const tokens = value["token_ids"];
  if (!Array.isArray(tokens) || tokens.length !== 1 || !isU32(tokens[0])) return false;
  for (const key in value) {
    if (key === "token_ids" || key === "output_type") continue;
    const field = value[key];
    if (field !== null && field !== undefined) return false;
  }
  return true;
}

function missing({ token_ids: tokens }: check.Fields): string | undefined {
  return tokens === undefined || tokens === null ? "token_ids is missing" : undefined;
}

const FINISH_REASONS: ReadonlySet<unknown> = new Set([
  "eos",
  "stop",
  "length",
  "cancelled",
  "abort",
  "content_filter",
]);

const finishReason: Check = (value, where) => {
  if (FINISH_REASONS.has(value)) return undefined;
  if (isFields(value) && typeof value["error"] === "string") return undefined;
  const known = [...FINISH_REASONS].join(", ");
  return `${where} is ${JSON.stringify(value)}, not one of ${known} or {"error": …}`;
};

const stopReason: Check = (value, where) =>
  typeof value === "string" ? undefined : check.integer(value, where);

const tokenText: Check = (value, where) => (value === null ? undefined : check.text(value, where));

const usage: Check = (value, where) => {
  const { prompt_tokens, completion_tokens, total_tokens } = isFields(value) ? value : {};
  if (![prompt_tokens, completion_tokens, total_tokens].every(isU32)) {
    return `${where} has no prompt_tokens, completion_tokens and total_tokens`;
  }
  return check.objectOf({ prompt_tokens_details: check.objectOf({ cached_tokens: check.u32 }) })(
    value,
    where,
  );
};

const topLogprob: Check = (value, where) => {
  const { token_id, logprob } = isFields(value) ? value : {};
  if (!isU32(token_id) || typeof logprob !== "number") return `${where} has no token_id and logprob`;
  return check.objectOf({ rank: check.u32, token: check.text, bytes: check.listOf(check.u32) })(value, where);
};

const output = check.objectOf({
  token_ids: check.tokenIds,
  tokens: check.listOf(tokenText),
  text: check.text,
  cum_log_probs: check.number,
  log_probs: check.listOf(check.number),
  top_logprobs: check.listOf(check.listOf(topLogprob)),
  finish_reason: finishReason,
  stop_reason: stopReason,
  index: check.u32,
  completion_usage: usage,
});
