/**
 * JSON bodies: the bytes are kept beside the value, because the bytes are what the worker gets. Parsing loses
 * integers above 2^53, and fields this frontend has never heard of must survive.
 */
import { isUtf8 } from "node:buffer";
import { HttpError } from "./errors.ts";

export interface JsonBody {
  readonly bytes: Buffer;
  readonly value: unknown;
}

/** Throws an {@link HttpError} of status 400 that says what is wrong with the text. */
export function parseJsonBody(bytes: Buffer): JsonBody {
  if (!isUtf8(bytes)) throw unreadable("not valid UTF-8");
  try {
    return { bytes, value: JSON.parse(bytes.toString()) as unknown };
  } catch (error) {
    throw unreadable(error instanceof Error ? error.message : "not valid JSON");
  }
}

function unreadable(why: string): HttpError {
  return new HttpError(400, `Failed to deserialize the JSON body into the target type: ${why}`);
}
