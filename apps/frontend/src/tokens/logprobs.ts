/** How likely the tokens of an answer were, as engines say it. */
import type { Preprocessor } from "@dynamo/preprocessor";
import type { EngineOutput } from "@dynamo/preprocessor/protocol";

export interface Likelihood {
  readonly token: string;
  /** Natural logarithm. */
  readonly logprob: number;
  /** Of the token in UTF-8, or of the piece of a character that it is. */
  readonly bytes: readonly number[];
}

export interface TokenLogprob extends Likelihood {
  /** The likeliest tokens at its place. */
  readonly top: readonly Likelihood[];
}

/** Of the first `shown` tokens of the item; `null` when the engine says nothing. */
export function logprobsOf(
  { token_ids: ids, log_probs: logProbs, top_logprobs: tops }: EngineOutput,
  shown: number,
  preprocessor: Preprocessor,
): readonly TokenLogprob[] | null {
  if (!logProbs || shown === 0) return null;
  const likelihood = (id: number, logprob: number): Likelihood => ({
    token: preprocessor.textOf(id),
    logprob,
    bytes: [...preprocessor.bytesOf(id)],
  });
  return ids.slice(0, shown).map((id, at) => ({
    ...likelihood(id, logProbs[at] ?? LEAST),
    top: (tops?.[at] ?? []).map(({ token_id: top, logprob }) => likelihood(top, logprob)),
  }));
}

/** What OpenAI writes for tokens that aren't likely at all. */
const LEAST = -9999;
