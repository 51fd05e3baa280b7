/**
 * The part of an OpenAI chat request that a worker without a model looks at. Everything else is accepted
 * and has no effect.
 */
import { RequestPlaneError, stringifyJson } from "@dynamo/request-plane-core";
import { requestedFault } from "../faults.ts";
import type { Fault } from "../faults.ts";

export interface ChatRequest {
  /** Text of the last message whose role is `user`; empty when there is none. */
  readonly question: string;
  /** Text of all messages, for counting the prompt. */
  readonly prompt: string;
  /** Answers to give, 1 to 128. */
  readonly n: number;
  /** Tokens per answer; `undefined` when the client set no limit. */
  readonly maxTokens: number | undefined;
  /** The client wants a usage chunk, or asked for one JSON answer, which always has usage. */
  readonly wantsUsage: boolean;
  readonly fault: Fault | undefined;
}

const MAX_ANSWERS = 128;

/** Throws `invalid_argument` when the body can't be answered as a chat request. */
export function readChatRequest(body: unknown): ChatRequest {
  const fields = asObject(body);
  const messages = fields?.["messages"];
  if (!fields || !Array.isArray(messages)) throw invalid("a chat request needs a list of messages");
  return {
    question: textOf(messages.findLast((message) => asObject(message)?.["role"] === "user")),
    prompt: messages.map(textOf).join("\n"),
    n: wholeNumber(fields, "n", MAX_ANSWERS) ?? 1,
    maxTokens: wholeNumber(fields, "max_completion_tokens") ?? wholeNumber(fields, "max_tokens"),
    wantsUsage: fields["stream"] !== true || asObject(fields["stream_options"])?.["include_usage"] === true,
    fault: requestedFault(asObject(fields["nvext"])?.["annotations"]),
  };
}

/** A message's content is a string, or a list of parts of which those of type `text` count. */
function textOf(message: unknown): string {
  const content = asObject(message)?.["content"];
  const parts: unknown[] = Array.isArray(content) ? content : [content];
  return parts.map((part) => (typeof part === "string" ? part : asObject(part)?.["text"])).join("");
}

function wholeNumber(fields: Fields, name: string, max = Number.MAX_SAFE_INTEGER): number | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw invalid(`${name} must be a whole number from 1 to ${max}, got ${stringifyJson(value)}`);
}

type Fields = Readonly<Record<string, unknown>>;

function asObject(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null ? (value as Fields) : undefined;
}

function invalid(message: string): RequestPlaneError {
  return new RequestPlaneError("invalid_argument", message);
}
