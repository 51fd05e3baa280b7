/**
 * How far a request has come: what a worker that goes on with it has to be sent, and what the client has to be told of
 * what that worker says.
 */
import type { CompletionUsage, EngineOutput, PreprocessedRequest } from "@dynamo/preprocessor/protocol";

export class Progress {
  readonly #request: PreprocessedRequest;
  /** The tokens that the client has, of all workers, as long as they may be needed. */
  #generated: number[] | undefined = [];
  #count = 0;
  #last: number | undefined;
  #logProbs = 0;
  #isFinished = false;
  /** What the workers before the present one made. */
  #carried = 0;
  #carriedLogProbs = 0;

  constructor(request: PreprocessedRequest) {
    this.#request = request;
  }

  /** The worker has said why the answer is over. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** Prompt and answer so far, in tokens. */
  get length(): number {
    return this.#request.token_ids.length + this.#count;
  }

  /** There will be no other worker: the tokens need not be kept. */
  forget(): void {
    this.#generated = undefined;
  }

  /** Takes note of what the worker sent, and returns it as the client has to see it. */
  take(items: readonly EngineOutput[]): readonly EngineOutput[] {
    for (const { token_ids: tokens, finish_reason: reason, cum_log_probs: sum } of items) {
      this.#count += tokens.length;
      this.#last = tokens.at(-1) ?? this.#last;
      if (this.#generated) for (const token of tokens) this.#generated.push(token);
      if (reason !== undefined && reason !== null) this.#isFinished = true;
      if (typeof sum === "number") this.#logProbs = this.#carriedLogProbs + sum;
    }
    return this.#carried === 0 ? items : items.map((item) => this.#asContinued(item));
  }

  /**
   * The request as the next worker gets it: prompt and answer so far are its prompt, and limits are what is left of
   * them. Not after {@link forget}.
   */
  next(): PreprocessedRequest {
    this.#carried = this.#count;
    this.#carriedLogProbs = this.#logProbs;
    const { stop_conditions: stop, token_ids: prompt } = this.#request;
    const left = (limit: number | null | undefined) =>
      typeof limit === "number" ? Math.max(0, limit - this.#carried) : limit;
    return {
      ...this.#request,
      token_ids: [...prompt, ...(this.#generated ?? [])],
      stop_conditions: {
        ...stop,
        max_tokens: left(stop.max_tokens),
        min_tokens: left(stop.min_tokens),
      },
    };
  }

  /** The end that the lost worker had no time to send; `undefined` when tokens are missing. */
  missingEnd(): EngineOutput | undefined {
    const { stop_conditions: stop, eos_token_ids: eos } = this.#request;
    const [count, last] = [this.#count, this.#last];
    if (last !== undefined && count >= (stop.min_tokens ?? 0)) {
      if (stop.ignore_eos !== true && eos.includes(last)) return { token_ids: [], finish_reason: "eos" };
      if (stopTokens(this.#request).includes(last)) return { token_ids: [], finish_reason: "stop" };
    }
    const isFull = typeof stop.max_tokens === "number" && count > 0 && count >= stop.max_tokens;
    return isFull ? { token_ids: [], finish_reason: "length" } : undefined;
  }

  #asContinued(item: EngineOutput): EngineOutput {
    const { completion_usage: usage, cum_log_probs: sum } = item;
    if (!usage && typeof sum !== "number") return item;
    return {
      ...item,
      ...(usage && { completion_usage: this.#wholeUsage(usage) }),
      ...(typeof sum === "number" && { cum_log_probs: this.#carriedLogProbs + sum }),
    };
  }

  /** What was made before counts as the answer, which the worker took for a part of the prompt. */
  #wholeUsage(usage: CompletionUsage): CompletionUsage {
    const { prompt_tokens: seen, completion_tokens: made, prompt_tokens_details: details } = usage;
    const prompt = Math.max(0, seen - this.#carried);
    const cached = details?.cached_tokens;
    return {
      ...usage,
      prompt_tokens: prompt,
      completion_tokens: made + this.#carried,
      ...(details &&
        typeof cached === "number" && {
          prompt_tokens_details: { ...details, cached_tokens: Math.min(cached, prompt) },
        }),
    };
  }
}

function stopTokens({ stop_conditions: stop, eos_token_ids: eos }: PreprocessedRequest): number[] {
  const lists = [stop.stop_token_ids, stop.stop_token_ids_visible, stop.stop_token_ids_hidden];
  const tokens = lists.flatMap((list) => list ?? []);
  // Frontends put the model's own end tokens among them.
  return stop.ignore_eos === true ? tokens.filter((token) => !eos.includes(token)) : tokens;
}
