/**
 * The parts that a response is made of: a message, and calls of functions. Each tells its own events, in OpenAI's order.
 */
import { randomUUID } from "node:crypto";
import type { Fields } from "../chat/chunk.ts";

/** An event without its number. */
export interface ResponseEvent extends Fields {
  readonly type: string;
}

export interface OutputItem {
  begin(): ResponseEvent[];
  /** More of its text, or of its arguments. */
  append(delta: string): ResponseEvent;
  end(status: "completed" | "incomplete"): ResponseEvent[];
  /** As it is by now. */
  value(status: "in_progress" | "completed" | "incomplete"): Fields;
}

export function newId(prefix: string): string {
  return `${prefix}_${randomUUID().replaceAll("-", "")}`;
}

export class MessageItem implements OutputItem {
  readonly #place: { readonly item_id: string; readonly output_index: number };
  #text = "";

  constructor(index: number) {
    this.#place = { item_id: newId("msg"), output_index: index };
  }

  begin(): ResponseEvent[] {
    const { output_index } = this.#place;
    const item = { ...this.value("in_progress"), content: [] };
    return [
      { type: "response.output_item.added", output_index, item },
      { type: "response.content_part.added", ...this.#place, content_index: 0, part: this.#part() },
    ];
  }

  append(delta: string): ResponseEvent {
    this.#text += delta;
    return { type: "response.output_text.delta", ...this.#place, content_index: 0, delta, logprobs: [] };
  }

  end(status: "completed" | "incomplete"): ResponseEvent[] {
    const place = { ...this.#place, content_index: 0 };
    const { output_index } = this.#place;
    return [
      { type: "response.output_text.done", ...place, text: this.#text, logprobs: [] },
      { type: "response.content_part.done", ...place, part: this.#part() },
      { type: "response.output_item.done", output_index, item: this.value(status) },
    ];
  }

  value(status: "in_progress" | "completed" | "incomplete"): Fields {
    const { item_id: id } = this.#place;
    return { type: "message", content: [this.#part()], id, role: "assistant", status };
  }

  #part(): Fields {
    return { type: "output_text", annotations: [], logprobs: [], text: this.#text };
  }
}

export class FunctionCallItem implements OutputItem {
  readonly #place: { readonly item_id: string; readonly output_index: number };
  readonly #call: { readonly call_id: string; readonly name: string };
  #arguments = "";

  constructor(index: number, call: { readonly call_id: string; readonly name: string }) {
    this.#place = { item_id: newId("fc"), output_index: index };
    this.#call = call;
  }

  begin(): ResponseEvent[] {
    const { output_index } = this.#place;
    return [{ type: "response.output_item.added", output_index, item: this.value("in_progress") }];
  }

  append(delta: string): ResponseEvent {
    this.#arguments += delta;
    return { type: "response.function_call_arguments.delta", ...this.#place, delta };
  }

  end(status: "completed" | "incomplete"): ResponseEvent[] {
    const { output_index } = this.#place;
    const { name } = this.#call;
    return [
      {
        type: "response.function_call_arguments.done",
        ...this.#place,
        name,
        arguments: this.#arguments,
      },
      { type: "response.output_item.done", output_index, item: this.value(status) },
    ];
  }

  value(status: "in_progress" | "completed" | "incomplete"): Fields {
    const { item_id: id } = this.#place;
    return { type: "function_call", id, ...this.#call, arguments: this.#arguments, status };
  }
}
