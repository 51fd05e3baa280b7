/**
 * Every failure as a client sees it: an HTTP status and OpenAI's error object. Which code of the request
 * plane becomes which status is decided here and nowhere else.
 *
 * Source: the table of error objects and statuses observed on Dynamo 1.6.1.
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { ErrorCode, PublicDetails } from "@dynamo/request-plane-core";

/** OpenAI's error object. `code` is the HTTP status, as in Dynamo. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: number;
    /** Limits that the worker lets clients see. */
    readonly details?: PublicDetails;
  };
}

export interface HttpErrorOptions {
  /** The field or header at fault. */
  readonly param?: string;
  readonly details?: PublicDetails;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** A failure with its status. Its message is for clients: it never holds a worker's own words. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly #param: string | null;
  readonly #details: PublicDetails | undefined;

  constructor(status: number, message: string, options: HttpErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = status;
    this.headers = options.headers ?? {};
    this.#param = options.param ?? null;
    this.#details = options.details;
  }

  /** The same failure under another status. */
  withStatus(status: number): HttpError {
    const { message, headers, cause } = this;
    const more = {
      ...(this.#param !== null && { param: this.#param }),
      ...(this.#details && { details: this.#details }),
    };
    return new HttpError(status, message, { headers, cause, ...more });
  }

  get body(): ErrorBody {
    return {
      error: {
        message: this.message,
        type: typeOf(this.status),
        param: this.#param,
        code: this.status,
        ...(this.#details && { details: this.#details }),
      },
    };
  }
}

const TYPES: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  409: "conflict_error",
  429: "rate_limit_error",
  499: "request_cancelled",
  501: "not_implemented_error",
  503: "service_unavailable",
  504: "timeout_error",
  529: "service_unavailable",
};

function typeOf(status: number): string {
  return TYPES[status] ?? (status < 500 ? "invalid_request_error" : "internal_server_error");
}

/** No worker has room. */
export const OVERLOADED_STATUS = 529;

const UNAVAILABLE = [503, "Service temporarily unavailable"] as const;
const INTERNAL = [500, "Internal server error"] as const;

const ANSWERS: Readonly<Record<ErrorCode, readonly [status: number, message: string]>> = {
  invalid_argument: [400, "Invalid request"],
  unauthenticated: [401, "Authentication failed"],
  permission_denied: [403, "Permission denied"],
  not_found: [404, "Not found"],
  conflict: [409, "Conflict with another request"],
  payload_too_large: [413, "Request too large"],
  unsupported_media: [415, "Unsupported media"],
  rate_limited: [429, "Rate limit exceeded"],
  cancelled: [499, "Request cancelled"],
  not_implemented: [501, "Not implemented"],
  no_instances: UNAVAILABLE,
  unknown_endpoint: UNAVAILABLE,
  unavailable: UNAVAILABLE,
  cannot_connect: UNAVAILABLE,
  disconnected: UNAVAILABLE,
  closed: UNAVAILABLE,
  deadline_exceeded: [504, "Request deadline exceeded"],
  overloaded: [OVERLOADED_STATUS, "Service temporarily overloaded"],
  handler_failed: INTERNAL,
  protocol_error: INTERNAL,
  invalid_configuration: INTERNAL,
  address_in_use: INTERNAL,
  internal: INTERNAL,
};

/** Any thrown value as the answer to a client. What isn't known is an internal server error. */
export function toHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (!RequestPlaneError.is(error)) return new HttpError(...INTERNAL, { cause: error });
  // Whoever aborts a request says why.
  if (error.code === "cancelled" && !error.remote && RequestPlaneError.is(error.cause))
    return toHttpError(error.cause);
  const [status, message] = ANSWERS[error.code];
  const { publicDetails } = error;
  return new HttpError(status, publicMessage(error) ?? message, {
    cause: error,
    headers: retryHeaders(status, error.facts.retryAfterSeconds),
    ...(publicDetails && publicDetails.type !== "message" && { details: publicDetails }),
  });
}

/** Words meant for clients. 1.6.1 has none for a worker without room. */
function publicMessage(error: RequestPlaneError): string | undefined {
  const { publicDetails: details, facts } = error;
  if (details?.type === "message" && error.code !== "overloaded") return details.message;
  if (error.code !== "payload_too_large" || error.remote || facts.limit === undefined) return undefined;
  const size = facts.actual === undefined ? "" : ` of ${facts.actual} bytes`;
  const setting = facts.setting === undefined ? "" : ` set by ${facts.setting}`;
  return `Request${size} exceeds the limit of ${facts.limit} bytes${setting}`;
}

function retryHeaders(status: number, seconds: number | undefined): Record<string, string> {
  const wait = seconds ?? (status === 503 || status === OVERLOADED_STATUS ? 1 : undefined);
  return wait === undefined ? {} : { "retry-after": String(Math.max(0, Math.ceil(wait))) };
}
