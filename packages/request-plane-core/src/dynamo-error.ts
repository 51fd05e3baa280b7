/**
 * Dynamo's own error objects, of every release, and what they are in ours.
 *
 * Source: wire-protocol notes, sections 10.2 and 10.3; live verification, B3 (which object becomes which
 * HTTP status in 1.6.1); lib/runtime/src/error.rs of ai-dynamo/dynamo.
 */
import { RequestPlaneError } from "./errors.ts";
import type { ErrorCode, PublicDetails } from "./errors.ts";

/** As it stands in JSON. Up to 1.5 only `error_type`, `message` and `caused_by` exist. */
export interface DynamoError {
  readonly error_type?: string | Readonly<Record<string, string>>;
  readonly class?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly diagnostic?: string;
  readonly public?: PublicDetails;
  readonly caused_by?: DynamoError;
}

/**
 * What the reader of an error understands: readers up to 1.5 refuse the whole frame for an `error_type` they
 * don't know. 1.0 stands for 1.0 and 1.1, 1.2 for 1.2, 1.3 for all later ones.
 */
export type ErrorDialect = "1.0" | "1.2" | "1.3";

type ErrorType = string | { readonly Backend: string };

interface Meaning {
  readonly class: string;
  readonly reason: string;
  /** `error_type` for readers of 1.3 and later, then of 1.2, then of 1.0, where they differ. */
  readonly types: readonly [ErrorType, ErrorType?, ErrorType?];
}

const MEANINGS: Readonly<Record<ErrorCode, Meaning>> = {
  invalid_argument: meaning("InvalidRequest", "request.invalid_argument", "InvalidArgument"),
  payload_too_large: meaning("PayloadTooLarge", "request.payload_too_large", "InvalidArgument"),
  unsupported_media: meaning("UnsupportedMedia", "request.unsupported_media", "InvalidArgument"),
  unauthenticated: meaning("Unauthenticated", "request.unauthenticated", "Unknown"),
  permission_denied: meaning("PermissionDenied", "request.permission_denied", "Unknown"),
  not_found: meaning("NotFound", "request.not_found", "Unknown"),
  conflict: meaning("Conflict", "request.conflict", "Unknown"),
  rate_limited: meaning(
    "RateLimited",
    "request.rate_limited",
    "ResourceExhausted",
    "ResourceExhausted",
    "Unknown",
  ),
  not_implemented: meaning("NotImplemented", "runtime.not_implemented", "Unknown"),
  cancelled: meaning("Cancelled", "request.cancelled", "Cancelled", "Cancelled", "Unknown"),
  no_instances: meaning("Unavailable", "backend.unavailable", "Unavailable", "CannotConnect"),
  unknown_endpoint: meaning("Unavailable", "backend.unavailable", "Unavailable", "CannotConnect"),
  unavailable: meaning("Unavailable", "backend.unavailable", "Unavailable", "CannotConnect"),
  overloaded: meaning(
    "CapacityExhausted",
    "capacity.worker_overloaded",
    "ResourceExhausted",
    "ResourceExhausted",
    "Unknown",
  ),
  cannot_connect: meaning("Unavailable", "transport.cannot_connect", "CannotConnect"),
  disconnected: meaning("Unavailable", "transport.disconnected", "Disconnected"),
  deadline_exceeded: meaning(
    "DeadlineExceeded",
    "backend.response_timeout",
    "ResponseTimeout",
    "ResponseTimeout",
    "ConnectionTimeout",
  ),
  handler_failed: {
    class: "Internal",
    reason: "backend.unknown",
    types: [{ Backend: "Unknown" }, { Backend: "Unknown" }, "Unknown"],
  },
  protocol_error: meaning("Internal", "runtime.internal", "Unknown"),
  invalid_configuration: meaning("Internal", "runtime.internal", "Unknown"),
  address_in_use: meaning("Internal", "runtime.internal", "Unknown"),
  closed: meaning("Internal", "runtime.internal", "Unknown"),
  internal: meaning("Internal", "runtime.internal", "Unknown"),
};

function meaning(errorClass: string, reason: string, ...types: [string, string?, string?]): Meaning {
  return { class: errorClass, reason, types };
}

/** Dynamo takes this many bytes of a `diagnostic`. */
const MAX_DIAGNOSTIC = 4096;
/** Causes of causes that are kept; a peer's JSON can nest them deeper than a stack goes. */
const MAX_CAUSES = 16;

/** The object a Dynamo reader of the given release understands best. Keys are in Dynamo's order. */
export function toDynamoError(error: RequestPlaneError, dialect: ErrorDialect = "1.3"): DynamoError {
  const { class: errorClass, reason, types } = MEANINGS[error.code];
  const [newest, middle = newest, oldest = middle] = types;
  const message = cut(error.message);
  return {
    error_type: dialect === "1.3" ? newest : dialect === "1.2" ? middle : oldest,
    class: errorClass,
    reason,
    message,
    diagnostic: message,
    ...(error.publicDetails && { public: error.publicDetails }),
  };
}

/** Leaves out the character that would be cut through. */
function cut(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_DIAGNOSTIC) return text;
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(0, MAX_DIAGNOSTIC), {
    stream: true,
  });
}

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
