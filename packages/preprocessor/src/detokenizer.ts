/**
 * The tokens of one answer as text, up to where the request says that it ends.
 *
 * Source: lib/llm/src/backend.rs of ai-dynamo/dynamo (what ends an answer, and what of it is shown).
 */
import type { IncrementalDecoder } from "./incremental-decoder.ts";
import type { PreprocessedRequest } from "./protocol/index.ts";
import { StopTexts } from "./stop-texts.ts";

/** What tokens came to. */
export interface Detokenized {
  /** Text to show now; empty while a character or a stop text may be under way. */
  readonly text: string;
  /** How many of the tokens count as part of the answer's text. A stop token, and what comes after the end, don't. */
  readonly shown: number;
}

/** Why the request says that the answer is over. */
export interface Stopped {
  readonly reason: "stop" | "length";
  /** The stop text, or the stop token that the client named. */
  readonly by?: string | number;
}

export class Detokenizer {
  readonly #decoder: IncrementalDecoder;
  readonly #stopTexts: StopTexts;
  readonly #stopTokens: ReadonlySet<number>;
  readonly #ownStopTokens: ReadonlySet<number>;
  readonly #minTokens: number;
  readonly #maxTokens: number;
  readonly #showsStop: boolean;
  #generated = 0;
  #stopped: Stopped | undefined;

  constructor(decoder: IncrementalDecoder, request: PreprocessedRequest) {
    const { stop_conditions: conditions, sampling_options: sampling } = request;
    this.#decoder = decoder;
    this.#stopTexts = new StopTexts(conditions.stop ?? []);
    this.#ownStopTokens = new Set(conditions.stop_token_ids ?? []);
    this.#stopTokens = new Set([...this.#ownStopTokens, ...(conditions.stop_token_ids_hidden ?? [])]);
    this.#minTokens = conditions.min_tokens ?? 0;
    this.#maxTokens = conditions.max_tokens ?? Infinity;
    this.#showsStop = sampling.include_stop_str_in_output === true;
  }

  /** Tokens that came, a stop token included. */
  get generated(): number {
    return this.#generated;
  }

  /** Set when the answer is over; what is pushed then is not looked at. */
  get stopped(): Stopped | undefined {
    return this.#stopped;
  }

  push(ids: readonly number[]): Detokenized {
    let text = "";
    let shown = 0;
    for (const id of ids) {
      if (this.#stopped) break;
      text += this.#take(id);
      // Of the stop reasons, stop texts alone are made of tokens that were shown in part.
      if (this.#stopped === undefined || this.#isStopText) shown += 1;
    }
    return { text, shown };
  }

  /** What was held back, when the worker says that the answer is over. */
  end(): string {
    if (this.#stopped) return "";
    const rest = this.#decoder.end();
    const last = this.#stopTexts.push(rest, this.#generated >= this.#minTokens);
    if (typeof last === "string") return last + this.#stopTexts.end();
    return this.#found(last.text, last.stop);
  }

  get #isStopText(): boolean {
    return typeof this.#stopped?.by === "string";
  }

  #take(id: number): string {
    if (this.#generated >= this.#maxTokens) {
      this.#stopped = { reason: "length" };
      return this.#decoder.end() + this.#stopTexts.end();
    }
    this.#generated += 1;
    const mayStop = this.#generated >= this.#minTokens;
    if (mayStop && this.#stopTokens.has(id)) {
      const rest = this.end();
      this.#stopped ??= { reason: "stop", ...(this.#ownStopTokens.has(id) && { by: id }) };
      return rest;
    }
    const text = this.#stopTexts.push(this.#decoder.push(id), mayStop);
    return typeof text === "string" ? text : this.#found(text.text, text.stop);
  }

  #found(before: string, stop: string): string {
    this.#stopped = { reason: "stop", by: stop };
    return this.#showsStop ? before + stop : before;
  }
}
