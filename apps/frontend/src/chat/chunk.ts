/**
 * The chunks a worker streams. Only what the frontend reads is named; everything else is passed on.
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";

/** A JSON object of unknown fields. */
export type Fields = Readonly<Record<string, unknown>>;

/** One `chat.completion.chunk`. */
export interface ChatChunk extends Fields {
  readonly choices: readonly unknown[];
}

/** Throws `protocol_error` when the worker's item isn't a chunk. */
export function asChunk(value: unknown): ChatChunk {
  if (isFields(value) && Array.isArray(value["choices"])) return value as ChatChunk;
  throw new RequestPlaneError(
    "protocol_error",
    "The worker sent an item that is not a chat completion chunk",
  );
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
