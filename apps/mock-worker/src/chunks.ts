/**
 * The `chat.completion.chunk` objects of one answer. They go over the request plane also when the client
 * asked for one JSON document: the frontend puts them together.
 */
import { tokenise } from "./replies.ts";
import type { ChatRequest } from "./chat-request.ts";

export interface ChatChunk {
  readonly id: string;
  readonly object: "chat.completion.chunk";
  /** Seconds since the epoch. */
  readonly created: number;
  readonly model: string;
  readonly choices: readonly ChatChunkChoice[];
  readonly usage?: ChatUsage;
}

export interface ChatChunkChoice {
  readonly index: number;
  readonly delta: { readonly role?: "assistant"; readonly content?: string };
  readonly finish_reason: "stop" | "length" | null;
}

export interface ChatUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/** What all chunks of an answer have in common. */
export type ChunkHead = Pick<ChatChunk, "id" | "object" | "created" | "model">;

export function chunkHead(requestId: string, model: string): ChunkHead {
  const created = Math.floor(Date.now() / 1000);
  return { id: `chatcmpl-${requestId}`, object: "chat.completion.chunk", created, model };
}

/** The answer to one request, cut to its limit. All `n` choices say the same. */
export class Answer {
  readonly tokens: readonly string[];
  readonly #head: ChunkHead;
  readonly #request: ChatRequest;
  readonly #finish: "stop" | "length";

  constructor(head: ChunkHead, request: ChatRequest, tokens: readonly string[]) {
    this.#head = head;
    this.#request = request;
    this.tokens = tokens.slice(0, request.maxTokens);
    this.#finish = this.tokens.length < tokens.length ? "length" : "stop";
  }

  /** One token of every choice. The first one names the role. */
  *token(position: number): Iterable<ChatChunk> {
    const content = this.tokens[position] ?? "";
    yield* this.#each(position === 0 ? { role: "assistant", content } : { content }, null);
  }

  /** The end of every choice, then usage when it is wanted. */
  *closing(): Iterable<ChatChunk> {
    yield* this.#each(this.tokens.length === 0 ? { role: "assistant", content: "" } : {}, this.#finish);
    if (this.#request.wantsUsage) yield { ...this.#head, choices: [], usage: this.#usage() };
  }

  *#each(
    delta: ChatChunkChoice["delta"],
    finish_reason: ChatChunkChoice["finish_reason"],
  ): Iterable<ChatChunk> {
    for (let index = 0; index < this.#request.n; index++) {
      yield { ...this.#head, choices: [{ index, delta, finish_reason }] };
    }
  }

  #usage(): ChatUsage {
    const prompt_tokens = tokenise(this.#request.prompt).length;
    const completion_tokens = this.tokens.length * this.#request.n;
    return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
  }
}
