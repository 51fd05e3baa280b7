/**
 * Chat chunks as one response: the events of a stream as they come, and the whole object.
 */
import { isFields } from "../chat/chunk.ts";
import type { ChatChunk, Fields } from "../chat/chunk.ts";
import type { HttpError } from "../errors.ts";
import { FunctionCallItem, MessageItem, newId } from "./output-items.ts";
import type { OutputItem, ResponseEvent } from "./output-items.ts";
import { responseObject, usageOf } from "./response-object.ts";
import type { ResponseHead, ResponseState } from "./response-object.ts";

export class ResponseBuilder {
  readonly #head: ResponseHead;
  readonly #done: Fields[] = [];
  /** The item that grows, and of a function call its place among the chat's tool calls. */
  #item: OutputItem | undefined;
  #toolIndex: unknown;
  #usage: Fields | null = null;
  #finishReason: unknown;

  constructor(head: ResponseHead) {
    this.#head = head;
  }

  begin(): ResponseEvent[] {
    const response = this.#response({ status: "in_progress" });
    return [
      { type: "response.created", response },
      { type: "response.in_progress", response },
    ];
  }

  /** Of a chat's choices, the first one counts: a response has no others. */
  take({ choices, usage }: ChatChunk): ResponseEvent[] {
    this.#usage = usageOf(usage) ?? this.#usage;
    const choice = choices.find((each): each is Fields => isFields(each) && (each["index"] ?? 0) === 0);
    if (!choice) return [];
    this.#finishReason = choice["finish_reason"] ?? this.#finishReason;
    const { delta } = choice;
    if (!isFields(delta)) return [];
    const calls = Array.isArray(delta["tool_calls"]) ? (delta["tool_calls"] as unknown[]) : [];
    return [...this.#takeText(delta["content"]), ...calls.flatMap((call) => this.#takeCall(call))];
  }

  end(): ResponseEvent[] {
    const isCut = this.#finishReason === "length" || this.#finishReason === "content_filter";
    const status = isCut ? "incomplete" : "completed";
    const events = [...this.#endItem(status)];
    return [...events, { type: `response.${status}`, response: this.whole() }];
  }

  /** The response after {@link end}. */
  whole(): Fields {
    if (this.#finishReason === "length") {
      return this.#response({ status: "incomplete", incompleteDetails: { reason: "max_output_tokens" } });
    }
    if (this.#finishReason === "content_filter") {
      return this.#response({ status: "incomplete", incompleteDetails: { reason: "content_filter" } });
    }
    return this.#response({ status: "completed" });
  }

  /** The worker failed: what came so far stays, and is no answer. */
  fail({ message }: HttpError): ResponseEvent[] {
    const item = this.#item?.value("incomplete");
    this.#item = undefined;
    if (item) this.#done.push(item);
    const error = { code: "server_error", message };
    return [{ type: "response.failed", response: this.#response({ status: "failed", error }) }];
  }

  #takeText(content: unknown): ResponseEvent[] {
    if (typeof content !== "string" || content === "") return [];
    const begun =
      this.#item instanceof MessageItem ? [] : this.#beginItem(new MessageItem(this.#nextIndex()));
    return [...begun, ...this.#append(content)];
  }

  #takeCall(call: unknown): ResponseEvent[] {
    if (!isFields(call)) return [];
    const { function: definition, id, index = 0 } = call;
    const { name, arguments: text } = isFields(definition) ? definition : {};
    const isNew = !(this.#item instanceof FunctionCallItem) || this.#toolIndex !== index;
    this.#toolIndex = index;
    const begun = isNew
      ? this.#beginItem(
          new FunctionCallItem(this.#nextIndex(), {
            call_id: typeof id === "string" ? id : newId("call"),
            name: typeof name === "string" ? name : "",
          }),
        )
      : [];
    return [...begun, ...(typeof text === "string" && text !== "" ? this.#append(text) : [])];
  }

  #nextIndex(): number {
    return this.#done.length + (this.#item ? 1 : 0);
  }

  #beginItem(item: OutputItem): ResponseEvent[] {
    const ended = this.#endItem("completed");
    this.#item = item;
    return [...ended, ...item.begin()];
  }

  #append(delta: string): ResponseEvent[] {
    return this.#item ? [this.#item.append(delta)] : [];
  }

  #endItem(status: "completed" | "incomplete"): ResponseEvent[] {
    const item = this.#item;
    if (!item) return [];
    this.#item = undefined;
    const events = item.end(status);
    this.#done.push(item.value(status));
    return events;
  }

  #response(state: Pick<ResponseState, "status"> & Partial<ResponseState>): Fields {
    return responseObject(this.#head, { output: [...this.#done], usage: this.#usage, ...state });
  }
}
