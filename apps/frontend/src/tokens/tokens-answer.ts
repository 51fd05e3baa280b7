/** An answer that has begun, to be streamed or to be gathered. */
import { encodeJson } from "@dynamo/request-plane-core";
import type { ResponseBudget } from "../chat/aggregate.ts";
import type { Fields } from "../chat/chunk.ts";
import { annotationEvent, dataEvent } from "../chat/sse.ts";
import type { AnswerForm, WholeChoice } from "./answer-form.ts";
import type { AnswerRouting } from "./answer-routing.ts";
import type { Piece } from "./pieces.ts";
import { usageFields } from "./usage.ts";
import type { Usage } from "./usage.ts";

/** Told as the answer comes, for metrics. */
export interface AnswerObserver {
  tokens(count: number): void;
}

export interface AnswerParts {
  readonly pieces: AsyncIterable<readonly Piece[]>;
  readonly form: AnswerForm;
  /** One for each prompt. */
  readonly usages: readonly Usage[];
  /** What the client asked to be told besides the answer, by names. Only streams say it. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly routing: AnswerRouting;
}

export class TokensAnswer {
  readonly #parts: AnswerParts;

  constructor(parts: AnswerParts) {
    this.#parts = parts;
  }

  get usages(): readonly Usage[] {
    return this.#parts.usages;
  }

  /** Server-sent events, those that are here together. */
  async *events(
    withUsage: boolean,
    observer: AnswerObserver,
  ): AsyncGenerator<readonly string[], void, undefined> {
    const { pieces, form, usages, annotations, routing } = this.#parts;
    const notes = Object.entries(annotations).map(([event, value]) =>
      annotationEvent({ event, comment: [JSON.stringify(value)] }),
    );
    if (notes.length > 0) yield notes;
    if (routing.isQuery) {
      yield this.#whereItWouldGo();
      return;
    }
    let first = routing.first();
    for await (const batch of pieces) {
      for (const piece of batch) observer.tokens(piece.tokens);
      yield batch.filter(saysSomething).map((piece) => {
        const nvext = piece.finish === null ? first : merged(first, routing.last());
        first = undefined;
        return dataEvent(withNvext(form.chunk(piece), nvext));
      });
    }
    if (withUsage) yield [dataEvent(form.usageChunk(usageFields(usages)))];
  }

  /** The chunks as JSON text, usage at the end, those that are here together. */
  async *chunks(observer: AnswerObserver): AsyncGenerator<readonly string[], void, undefined> {
    const { pieces, form, usages } = this.#parts;
    for await (const batch of pieces) {
      for (const piece of batch) observer.tokens(piece.tokens);
      yield batch.filter(saysSomething).map((piece) => form.chunk(piece));
    }
    yield [form.usageChunk(usageFields(usages))];
  }

  #whereItWouldGo(): string[] {
    const { form, routing } = this.#parts;
    const annotations = Object.entries(routing.annotations());
    if (annotations.length > 0)
      return annotations.map(([event, text]) =>
        annotationEvent({ event, comment: [event === "token_data" ? text : JSON.stringify(text)] }),
      );
    const empty = { index: 0, text: "", tokens: 0, logprobs: null, finish: null };
    return [dataEvent(withNvext(form.chunk(empty), routing.first()))];
  }

  /** Rejects with what the worker's response throws, and when the answer is over the budget. */
  async whole(budget: ResponseBudget, observer: AnswerObserver): Promise<Fields> {
    const { pieces, form, usages, routing } = this.#parts;
    const choices = usages.map((_usage, index) => new GatheredChoice(index));
    for await (const batch of pieces) {
      for (const piece of batch) {
        observer.tokens(piece.tokens);
        budget.spend(piece);
        choices[piece.index]?.add(piece);
      }
    }
    const nvext = merged(routing.first(), routing.last());
    return { ...form.whole(choices, usageFields(usages)), ...(nvext && { nvext }) };
  }
}

/** A token that only begins a character or a stop text gets no chunk of its own, as in Dynamo. */
function saysSomething({ text, finish, logprobs }: Piece): boolean {
  return text !== "" || finish !== null || logprobs !== null;
}

function merged(first: Fields | undefined, last: Fields | undefined): Fields | undefined {
  return first || last ? { ...first, ...last } : undefined;
}

/** The JSON text of an object with one field more. Ids of workers are whole numbers of 64 bits. */
function withNvext(chunk: string, nvext: Fields | undefined): string {
  return nvext ? `${chunk.slice(0, -1)},"nvext":${encodeJson(nvext)}}` : chunk;
}

class GatheredChoice implements WholeChoice {
  readonly index: number;
  text = "";
  logprobs: WholeChoice["logprobs"] = null;
  finish: WholeChoice["finish"] = null;
  stopReason: WholeChoice["stopReason"];

  constructor(index: number) {
    this.index = index;
  }

  add({ text, logprobs, finish, stopReason }: Piece): void {
    this.text += text;
    if (logprobs) this.logprobs = [...(this.logprobs ?? []), ...logprobs];
    this.finish = finish ?? this.finish;
    this.stopReason = stopReason ?? this.stopReason;
  }
}
