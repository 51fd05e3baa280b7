/**
 * Dynamo's own error objects, of every release, and which of them our errors are.
 *
 * Source: wire-protocol notes, sections 10.2 and 10.3; lib/runtime/src/error.rs of ai-dynamo/dynamo.
 */
import type { ErrorCode, PublicDetails, RequestPlaneError } from "./errors.ts";

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
