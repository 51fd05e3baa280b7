/** Answers as `text_completion`, whose chunks have the same name. */
import type { Fields } from "../chat/chunk.ts";
import type { AnswerForm, AnswerHead, WholeChoice } from "./answer-form.ts";
import type { TokenLogprob } from "./logprobs.ts";
import type { Piece } from "./pieces.ts";

export class CompletionForm implements AnswerForm {
  readonly #head: AnswerHead;
  readonly #start: string;
  /** What each choice begins with: its prompt, when the client wants it back. */
  readonly #echoes: readonly string[];
  /** Characters of each choice so far. */
  readonly #lengths = new Map<number, number>();

  constructor(head: AnswerHead, echoes: readonly string[]) {
    this.#head = head;
    this.#echoes = echoes;
    const { id, created, model } = head;
    const fields = JSON.stringify({ id, object: "text_completion", created, model });
    this.#start = `${fields.slice(0, -1)},"choices":`;
  }

  chunk({ index, text, ...rest }: Piece): string {
    const echo = this.#lengths.has(index) ? "" : (this.#echoes[index] ?? "");
    const offset = (this.#lengths.get(index) ?? 0) + echo.length;
    this.#lengths.set(index, offset + text.length);
    const choice = choiceFields({ index, text, ...rest }, echo, offset);
    return `${this.#start}[${JSON.stringify(choice)}]}`;
  }

  usageChunk(usage: Fields): string {
    return `${this.#start}[],"usage":${JSON.stringify(usage)}}`;
  }

  whole(choices: readonly WholeChoice[], usage: Fields): Fields {
    const { id, created, model } = this.#head;
    const withEchoes = choices.map((choice) => {
      const echo = this.#echoes[choice.index] ?? "";
      return choiceFields(choice, echo, echo.length);
    });
    return { id, object: "text_completion", created, model, choices: withEchoes, usage };
  }
}

function choiceFields(choice: WholeChoice, echo: string, offset: number): Fields {
  const { index, text, logprobs, finish, stopReason } = choice;
  return {
    index,
    text: echo + text,
    logprobs: logprobs && logprobFields(logprobs, offset),
    finish_reason: finish,
    ...(stopReason !== undefined && { stop_reason: stopReason }),
  };
}

/** @param offset where the first token begins in the text of the choice */
function logprobFields(logprobs: readonly TokenLogprob[], offset: number): Fields {
  let place = offset;
  return {
    tokens: logprobs.map(({ token }) => token),
    token_logprobs: logprobs.map(({ logprob }) => logprob),
    top_logprobs: logprobs.map(({ top }) =>
      Object.fromEntries(top.map(({ token, logprob }) => [token, logprob])),
    ),
    text_offset: logprobs.map(({ token }) => (place += token.length) - token.length),
  };
}
