/** Failures in the words that clients and operators read. */
import { RequestPlaneError } from "@dynamo/request-plane-core";

/** A fault of the request, in words that its sender may read. */
export function badRequest(message: string, cause?: unknown): RequestPlaneError {
  return new RequestPlaneError("invalid_argument", message, {
    publicDetails: { type: "message", message },
    cause,
  });
}

/** A fault of the model's files. Its text names paths, so it is for logs. */
export function badModel(message: string, cause?: unknown): RequestPlaneError {
  return new RequestPlaneError("invalid_configuration", message, { cause });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
