/**
 * The `chat.completion.chunk` objects of one answer, as JSON text: from one to the next little more than the token
 * differs. They go over the request plane also when the client asked for one JSON document: the frontend puts them
 * together.
 */
import { EncodedItem } from "@dynamo/request-plane-core";
import type { ChatRequest } from "./chat-request.ts";
import { tokenise } from "./replies.ts";

/** What all chunks of an answer have in common. */
export interface ChunkHead {
  readonly id: string;
  readonly object: "chat.completion.chunk";
  /** Seconds since the epoch. */
  readonly created: number;
  readonly model: string;
}

export function chunkHead(requestId: string, model: string): ChunkHead {
  const created = Math.floor(Date.now() / 1000);
  return { id: `chatcmpl-${requestId}`, object: "chat.completion.chunk", created, model };
}

/** The answer to one request, cut to its limit. All `n` choices say the same. */
export class Answer {
  readonly tokens: readonly string[];
  /** The JSON of a chunk up to the entries of `choices`. */
  readonly #head: string;
  readonly #request: ChatRequest;
  readonly #finish: '"stop"' | '"length"';

  /** Of `tokens`, one more than the limit is enough to show that the answer is cut. */
  constructor(head: ChunkHead, request: ChatRequest, tokens: readonly string[]) {
    this.#head = `${JSON.stringify(head).slice(0, -1)},"choices":[`;
    this.#request = request;
    this.tokens = tokens.slice(0, request.maxTokens);
    this.#finish = this.tokens.length < tokens.length ? '"length"' : '"stop"';
  }

  /** One token of every choice. The first one names the role. */
  token(position: number): EncodedItem[] {
    const content = JSON.stringify(this.tokens[position]?.toWellFormed() ?? "");
    const role = position === 0 ? '"role":"assistant",' : "";
    return this.#each(`{${role}"content":${content}}`, "null");
  }

  /** The end of every choice, then usage when it is wanted. */
  closing(): EncodedItem[] {
    const chunks = this.#each(
      this.tokens.length === 0 ? '{"role":"assistant","content":""}' : "{}",
      this.#finish,
    );
    if (this.#request.wantsUsage) chunks.push(new EncodedItem(`${this.#head}],"usage":${this.#usage()}}`));
    return chunks;
  }

  #each(delta: string, finish: string): EncodedItem[] {
    const chunks: EncodedItem[] = [];
    for (let index = 0; index < this.#request.n; index++) {
      const choice = `{"index":${index},"delta":${delta},"finish_reason":${finish}}`;
      chunks.push(new EncodedItem(`${this.#head}${choice}]}`));
    }
    return chunks;
  }

  #usage(): string {
    const prompt_tokens = tokenise(this.#request.prompt).length;
    const completion_tokens = this.tokens.length * this.#request.n;
    return JSON.stringify({
      prompt_tokens,
      completion_tokens,
      total_tokens: prompt_tokens + completion_tokens,
    });
  }
}
