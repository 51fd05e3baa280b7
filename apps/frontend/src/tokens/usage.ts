/** Tokens of one request, as the client is told. */
import type { CompletionUsage } from "@dynamo/preprocessor/protocol";
import type { Fields } from "../chat/chunk.ts";

/**
 * Counted here and not taken from the worker: after a migration a worker takes what others have generated for a part of
 * the prompt.
 */
export class Usage {
  readonly promptTokens: number;
  completionTokens = 0;
  #cachedTokens: number | undefined;

  constructor(promptTokens: number) {
    this.promptTokens = promptTokens;
  }

  /** Tokens of the prompt that the worker had in its cache, as far as it said so. */
  get cachedTokens(): number | undefined {
    return this.#cachedTokens;
  }

  /** Takes what the worker says of its cache, if it speaks of this prompt. */
  note(usage: CompletionUsage | null | undefined): void {
    const cached = usage?.prompt_tokens_details?.cached_tokens;
    if (typeof cached !== "number" || usage?.prompt_tokens !== this.promptTokens) return;
    this.#cachedTokens = Math.min(cached, this.promptTokens);
  }
}

/** Of all prompts of a request together, in OpenAI's form. */
export function usageFields(usages: readonly Usage[]): Fields {
  const sum = (read: (usage: Usage) => number) => usages.reduce((total, usage) => total + read(usage), 0);
  const promptTokens = sum((usage) => usage.promptTokens);
  const completionTokens = sum((usage) => usage.completionTokens);
  const isCacheKnown = usages.some(({ cachedTokens }) => cachedTokens !== undefined);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    ...(isCacheKnown && {
      prompt_tokens_details: { cached_tokens: sum(({ cachedTokens }) => cachedTokens ?? 0) },
    }),
  };
}
