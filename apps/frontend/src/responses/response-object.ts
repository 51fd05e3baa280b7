/**
 * OpenAI's `response` object, with the fields that Dynamo 1.6.1 writes, observed.
 */
import type { Fields } from "../chat/chunk.ts";
import { isFields } from "../chat/chunk.ts";
import type { ResponsesRequest } from "./schema.ts";

export type ResponseStatus = "in_progress" | "completed" | "incomplete" | "failed";

/** What differs from one moment of a response to another. */
export interface ResponseState {
  readonly status: ResponseStatus;
  readonly output: readonly Fields[];
  readonly usage: Fields | null;
  readonly error?: Fields;
  readonly incompleteDetails?: Fields;
}

/** What stays the same. */
export interface ResponseHead {
  readonly id: string;
  /** Seconds since the epoch. */
  readonly createdAt: number;
  readonly request: ResponsesRequest;
}

export function responseObject({ id, createdAt, request }: ResponseHead, state: ResponseState): Fields {
  const { status, output, usage, error = null, incompleteDetails = null } = state;
  return {
    background: false,
    billing: null,
    conversation: null,
    created_at: createdAt,
    completed_at: status === "completed" ? now() : null,
    error,
    id,
    incomplete_details: incompleteDetails,
    instructions: request.instructions ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    max_tool_calls: null,
    metadata: request.metadata ?? {},
    model: request.model,
    object: "response",
    output,
    parallel_tool_calls: request.parallel_tool_calls ?? true,
    previous_response_id: null,
    prompt: null,
    prompt_cache_key: null,
    prompt_cache_retention: null,
    reasoning: null,
    safety_identifier: null,
    service_tier: "auto",
    status,
    temperature: request.temperature ?? 1,
    text: { format: request.text?.format ?? { type: "text" } },
    tool_choice: request.tool_choice ?? "auto",
    tools: request.tools ?? [],
    top_logprobs: 0,
    top_p: request.top_p ?? 1,
    truncation: "disabled",
    usage,
    presence_penalty: 0,
    frequency_penalty: 0,
    store: false,
  };
}

export function now(): number {
  return Math.floor(Date.now() / 1000);
}

/** Usage as chats have it in the words of responses; `null` without any. */
export function usageOf(usage: unknown): Fields | null {
  if (!isFields(usage)) return null;
  const cached = isFields(usage["prompt_tokens_details"])
    ? usage["prompt_tokens_details"]["cached_tokens"]
    : undefined;
  return {
    input_tokens: usage["prompt_tokens"],
    input_tokens_details: { cached_tokens: cached ?? 0 },
    output_tokens: usage["completion_tokens"],
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: usage["total_tokens"],
  };
}
