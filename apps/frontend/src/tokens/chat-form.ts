/** Answers as `chat.completion` and its chunks. */
import type { Fields } from "../chat/chunk.ts";
import type { AnswerForm, AnswerHead, WholeChoice } from "./answer-form.ts";
import type { Likelihood, TokenLogprob } from "./logprobs.ts";
import type { Piece } from "./pieces.ts";

export class ChatForm implements AnswerForm {
  readonly #head: AnswerHead;
  /** The beginning of each chunk, written once. */
  readonly #start: string;
  readonly #begun = new Set<number>();

  constructor(head: AnswerHead) {
    this.#head = head;
    const { id, created, model } = head;
    const fields = JSON.stringify({ id, object: "chat.completion.chunk", created, model });
    this.#start = `${fields.slice(0, -1)},"choices":`;
  }

  chunk({ index, text, logprobs, finish, stopReason }: Piece): string {
    const role = this.#begun.has(index) ? "" : '"role":"assistant",';
    this.#begun.add(index);
    const delta = `{${role}"content":${JSON.stringify(text)}}`;
    const why = stopReason === undefined ? "" : `,"stop_reason":${JSON.stringify(stopReason)}`;
    const more = `"logprobs":${JSON.stringify(logprobFields(logprobs))},"finish_reason":${JSON.stringify(finish)}${why}`;
    return `${this.#start}[{"index":${index},"delta":${delta},${more}}]}`;
  }

  usageChunk(usage: Fields): string {
    return `${this.#start}[],"usage":${JSON.stringify(usage)}}`;
  }

  whole(choices: readonly WholeChoice[], usage: Fields): Fields {
    const { id, created, model } = this.#head;
    return {
      id,
      object: "chat.completion",
      created,
      model,
      choices: choices.map(({ index, text, logprobs, finish, stopReason }) => ({
        index,
        message: { role: "assistant", content: text, refusal: null },
        logprobs: logprobFields(logprobs),
        finish_reason: finish,
        ...(stopReason !== undefined && { stop_reason: stopReason }),
      })),
      usage,
    };
  }
}

function logprobFields(logprobs: readonly TokenLogprob[] | null): Fields | null {
  if (!logprobs) return null;
  return {
    content: logprobs.map(({ top, ...token }) => ({ ...fields(token), top_logprobs: top.map(fields) })),
  };
}

function fields({ token, logprob, bytes }: Likelihood): Fields {
  return { token, logprob, bytes };
}
