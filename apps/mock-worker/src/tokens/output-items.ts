/**
 * The items of an answer in tokens, as Dynamo's mocker of 1.6.1 writes them: one for each token, then one that says
 * why it is over. Frontends of 0.7 take them too. Source: kv-verified notes, section 1.3.
 */
import type { FinishReason } from "@dynamo/preprocessor/protocol";
import { EncodedItem } from "@dynamo/request-plane-core";

/** How much of a request is done, in tokens. */
export interface Progress {
  readonly prompt: number;
  /** Of the prompt, those that were in the cache. */
  readonly cached: number;
  readonly completion: number;
}

/** Usage comes with the first item. */
export function tokenItem(token: number, progress?: Progress): EncodedItem {
  return outputItem(`[${token}]`, "null", progress);
}

/** Usage comes with the last item, unless nothing was done. */
export function finalItem(reason: FinishReason, progress?: Progress): EncodedItem {
  return outputItem("[]", JSON.stringify(reason), progress);
}

function outputItem(tokens: string, finishReason: string, progress: Progress | undefined): EncodedItem {
  const usage = progress ? `,"completion_usage":${usageOf(progress)}` : "";
  return new EncodedItem(
    `{"token_ids":${tokens},"tokens":null,"text":null,"output_type":"text","cum_log_probs":null,` +
      `"log_probs":null,"top_logprobs":null,"finish_reason":${finishReason},"index":null${usage}}`,
  );
}

function usageOf({ prompt, cached, completion }: Progress): string {
  const details = `{"audio_tokens":null,"cached_tokens":${cached}}`;
  return (
    `{"prompt_tokens":${prompt},"completion_tokens":${completion},"total_tokens":${prompt + completion},` +
    `"prompt_tokens_details":${details}}`
  );
}
