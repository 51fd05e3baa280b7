/**
 * A stream of chunks as the one answer to a request that doesn't stream.
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import { asChunk, isFields } from "./chunk.ts";
import type { ChatChunk, Fields } from "./chunk.ts";
import { emptyJoined, join } from "./merge.ts";
import type { Joined } from "./merge.ts";

/** What an answer is called, and how its choices end up. */
export interface WholeForm {
  readonly object: string;
  finishChoice(index: unknown, joined: Joined): Fields;
}

/** Rejects with what the stream throws, and with `protocol_error` when the stream holds no chunk. */
export async function aggregate(
  items: AsyncIterable<unknown>,
  budget: ResponseBudget,
  form: WholeForm = CHAT_COMPLETION,
): Promise<Fields> {
  const completion = new Completion(form);
  for await (const item of items) {
    budget.spend(item);
    completion.add(asChunk(item));
  }
  return completion.finish();
}

/** Keeps one answer from filling the memory: a worker may send for ever. */
export class ResponseBudget {
  readonly #limit: number;
  #spent = 0;

  /** @param limit characters of JSON, roughly bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Throws `payload_too_large` when the items together are over the limit. */
  spend(item: unknown): void {
    this.#spent += roughSize(item);
    if (this.#spent <= this.#limit) return;
    throw new RequestPlaneError("internal", "The answer is larger than DYN_HTTP_RESPONSE_LIMIT_MB", {
      facts: { limit: this.#limit, actual: this.#spent, setting: "DYN_HTTP_RESPONSE_LIMIT_MB" },
    });
  }
}

/** Counts text and a little for each value, which is near enough and cheap. */
function roughSize(value: unknown): number {
  if (typeof value === "string") return value.length + 2;
  if (typeof value !== "object" || value === null) return 8;
  let size = 2;
  for (const [key, field] of Object.entries(value)) size += key.length + roughSize(field);
  return size;
}

class Completion {
  readonly #form: WholeForm;
  readonly #head = emptyJoined();
  readonly #choices = new Map<unknown, Joined>();
  #chunks = 0;

  constructor(form: WholeForm) {
    this.#form = form;
  }

  add({ choices, ...head }: ChatChunk): void {
    this.#chunks += 1;
    // The head describes the whole answer: the first id stays, of everything else the last word counts.
    for (const [key, value] of Object.entries(head)) {
      if (value !== null && value !== undefined && !(key === "id" && "id" in this.#head))
        this.#head[key] = value;
    }
    for (const choice of choices) if (isFields(choice)) this.#addChoice(choice);
  }

  #addChoice(choice: Fields): void {
    const index = choice["index"] ?? 0;
    const joined = this.#choices.get(index) ?? emptyJoined();
    this.#choices.set(index, joined);
    join(joined, choice);
  }

  finish(): Fields {
    if (this.#chunks === 0) {
      throw new RequestPlaneError("protocol_error", "The worker's response holds no chat completion chunk");
    }
    const choices = [...this.#choices].sort(([a], [b]) => Number(a) - Number(b));
    return {
      ...this.#head,
      object: this.#form.object,
      choices: choices.map(([index, choice]) => this.#form.finishChoice(index, choice)),
    };
  }
}

/** A chat: the fragments of its message are in `delta`. */
export const CHAT_COMPLETION: WholeForm = {
  object: "chat.completion",
  finishChoice: (index, { delta, ...rest }) => ({
    finish_reason: null,
    logprobs: null,
    ...rest,
    index,
    message: finishMessage(isFields(delta) ? delta : {}),
  }),
};

/** A completion: its text is in the choice itself. */
export const TEXT_COMPLETION: WholeForm = {
  object: "text_completion",
  finishChoice: (index, choice) => ({ text: "", finish_reason: null, logprobs: null, ...choice, index }),
};

function finishMessage({ tool_calls: toolCalls, ...rest }: Fields): Fields {
  return {
    role: "assistant",
    content: null,
    refusal: null,
    ...rest,
    ...(Array.isArray(toolCalls) && toolCalls.length > 0 && { tool_calls: finishToolCalls(toolCalls) }),
  };
}

/** In the order of their indices, which a whole message doesn't show. */
function finishToolCalls(toolCalls: readonly unknown[]): unknown[] {
  return toolCalls
    .filter(isFields)
    .toSorted((a, b) => Number(a["index"] ?? 0) - Number(b["index"] ?? 0))
    .map(({ index: _index, ...call }) => call);
}
