/**
 * Which of our errors Dynamo's error objects are, of every release.
 *
 * Source: wire-protocol notes, sections 10.2 and 10.3; live verification, B3 (which object becomes which
 * HTTP status in 1.6.1); lib/runtime/src/error.rs of ai-dynamo/dynamo.
 */
import type { DynamoError } from "./dynamo-error.ts";
import { RequestPlaneError } from "./errors.ts";
import type { ErrorCode, PublicDetails } from "./errors.ts";

/** Causes of causes that are kept; a peer's JSON can nest them deeper than a stack goes. */
const MAX_CAUSES = 16;

/** The error a Dynamo object means. Anything unknown is a failure of the handler that keeps its text. */
export function fromDynamoError(error: DynamoError): RequestPlaneError {
  return convert(error, MAX_CAUSES);
}

function convert(error: DynamoError, causes: number): RequestPlaneError {
  const message = textOf(error.message) ?? textOf(error.diagnostic) ?? "unknown error";
  return new RequestPlaneError(codeOf(error), message, {
    remote: true,
    ...(causes > 0 && isObject(error.caused_by) && { cause: convert(error.caused_by, causes - 1) }),
    ...(isPublicDetails(error.public) && { publicDetails: error.public }),
  });
}

/**
 * The error of an item of 0.7 or 0.8, which is a text. Their engines write `{"code":400,"message":"…"}` for an
 * error that has an HTTP status (live verification, B3).
 */
export function fromComment(text: string): RequestPlaneError {
  const { code, message } = parseStatus(text);
  const known = CODE_OF_STATUS.get(code) ?? "handler_failed";
  return new RequestPlaneError(known, message || "unknown error", { remote: true });
}

function parseStatus(text: string): { code: unknown; message: string } {
  try {
    const value: unknown = text.startsWith("{") ? JSON.parse(text) : undefined;
    const { code, message }: { code?: unknown; message?: unknown } = isObject(value) ? value : {};
    if (typeof code === "number" && typeof message === "string") return { code, message };
  } catch {
    // A text like any other.
  }
  return { code: undefined, message: text };
}

const CODE_OF_STATUS: ReadonlyMap<unknown, ErrorCode> = new Map([
  [400, "invalid_argument"],
  [401, "unauthenticated"],
  [403, "permission_denied"],
  [404, "not_found"],
  [409, "conflict"],
  [413, "payload_too_large"],
  [415, "unsupported_media"],
  [422, "invalid_argument"],
  [429, "rate_limited"],
  [499, "cancelled"],
  [501, "not_implemented"],
  [503, "unavailable"],
  [504, "deadline_exceeded"],
  [529, "overloaded"],
] as const);

const CODE_OF_CLASS: Readonly<Record<string, ErrorCode>> = {
  InvalidRequest: "invalid_argument",
  Unauthenticated: "unauthenticated",
  PermissionDenied: "permission_denied",
  NotFound: "not_found",
  Conflict: "conflict",
  PayloadTooLarge: "payload_too_large",
  UnsupportedMedia: "unsupported_media",
  RateLimited: "rate_limited",
  CapacityExhausted: "overloaded",
  Cancelled: "cancelled",
  Unavailable: "unavailable",
  BackendProtocol: "protocol_error",
  DeadlineExceeded: "deadline_exceeded",
  NotImplemented: "not_implemented",
  Internal: "handler_failed",
};

/** Reasons that say more than their class does. */
const CODE_OF_REASON: Readonly<Record<string, ErrorCode>> = {
  "transport.cannot_connect": "cannot_connect",
  "transport.disconnected": "disconnected",
  "backend.disconnected": "disconnected",
  "backend.stream_incomplete": "disconnected",
  "backend.engine_shutdown": "disconnected",
};

const CODE_OF_TYPE: Readonly<Record<string, ErrorCode>> = {
  InvalidArgument: "invalid_argument",
  CannotConnect: "cannot_connect",
  Disconnected: "disconnected",
  ConnectionTimeout: "deadline_exceeded",
  ResponseTimeout: "deadline_exceeded",
  Cancelled: "cancelled",
  ResourceExhausted: "overloaded",
  WorkerOverloaded: "overloaded",
  Unavailable: "unavailable",
  WorkerUnavailable: "unavailable",
  EngineShutdown: "disconnected",
  StreamIncomplete: "disconnected",
};

/** Of what a backend says of itself: it was reached, so only what lies behind it was not. */
const CODE_OF_BACKEND_TYPE: Readonly<Record<string, ErrorCode>> = { CannotConnect: "unavailable" };

function codeOf(error: DynamoError): ErrorCode {
  const byReason = lookUp(CODE_OF_REASON, error.reason);
  if (byReason) return byReason;
  if (error.class !== undefined) return lookUp(CODE_OF_CLASS, error.class) ?? "handler_failed";
  if (!isObject(error.error_type)) return lookUp(CODE_OF_TYPE, error.error_type) ?? "handler_failed";
  const type = error.error_type["Backend"];
  return lookUp(CODE_OF_BACKEND_TYPE, type) ?? lookUp(CODE_OF_TYPE, type) ?? "handler_failed";
}

function lookUp(table: Readonly<Record<string, ErrorCode>>, key: unknown): ErrorCode | undefined {
  return typeof key === "string" && Object.hasOwn(table, key) ? table[key] : undefined;
}

function isObject(value: unknown): value is Record<string, string> {
  return typeof value === "object" && value !== null;
}

function isPublicDetails(value: unknown): value is PublicDetails {
  if (!isObject(value)) return false;
  return value["type"] === "message"
    ? typeof value["message"] === "string"
    : ["size_limit", "context_length", "rate_limit"].includes(value["type"] ?? "");
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
