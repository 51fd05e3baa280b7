/**
 * Everything that can go wrong on the request plane, as one class with a closed set of codes.
 */

/** What went wrong. Each says in its comment who is at fault. */
export type ErrorCode =
  /** The caller's request is wrong; no other worker would take it. */
  | "invalid_argument"
  /** The request is larger than a hop on its way allows. `limit`, `actual` and `setting` say which. */
  | "payload_too_large"
  | "unauthenticated"
  | "permission_denied"
  | "not_found"
  | "conflict"
  | "unsupported_media"
  | "rate_limited"
  | "not_implemented"
  /** The caller stopped waiting: it aborted its signal, left its loop or closed its client. */
  | "cancelled"
  /** Discovery knows no instance of this endpoint. */
  | "no_instances"
  /** The worker was reached, but serves no such endpoint. */
  | "unknown_endpoint"
  /** The worker has no room at the moment. */
  | "overloaded"
  /** The worker was reached and refuses: it is shutting down, or could not start the request. */
  | "unavailable"
  /** No connection to the address. */
  | "cannot_connect"
  /** A connection ended before the work did: a truncated stream, a killed worker or engine, a lost registration. */
  | "disconnected"
  /** A bound on waiting ran out; `phase` says which. */
  | "deadline_exceeded"
  /** The peer sent something the protocol doesn't allow. */
  | "protocol_error"
  /** The worker's handler failed. */
  | "handler_failed"
  /** A setting can't be used. */
  | "invalid_configuration"
  /** The port is taken. */
  | "address_in_use"
  /** Used after `close()`. */
  | "closed"
  /** A fault of this library. */
  | "internal";

/** What a request was waiting for when its time ran out. */
export type DeadlinePhase =
  "connect" | "acknowledge" | "establish" | "first_item" | "between_items" | "total";

/** Facts about a failure, each absent when it doesn't apply. */
export interface ErrorFacts {
  /** Address of the peer, as its instance record gives it. */
  readonly address?: string;
  /** Dotted name of the endpoint. */
  readonly endpoint?: string;
  /** Hexadecimal id of the instance. */
  readonly instance?: string;
  readonly requestId?: string;
  /** The limit that was hit and what was asked, in bytes unless the message says otherwise. */
  readonly limit?: number;
  readonly actual?: number;
  /** The setting that moves the limit. */
  readonly setting?: string;
  readonly phase?: DeadlinePhase;
  readonly elapsedMs?: number;
  /** Seconds after which a rate-limited caller may come back. */
  readonly retryAfterSeconds?: number;
}

export interface ErrorOptions {
  readonly cause?: unknown;
  readonly facts?: ErrorFacts;
  /** The error came from the peer in a message, and its text is the peer's. */
  readonly remote?: boolean;
  /** What the worker allows a client of the service to read (Dynamo 1.6, `public`). */
  readonly publicDetails?: PublicDetails;
}

/** What of an error may be shown to a client. Source: wire-protocol notes, section 10.2. */
export type PublicDetails =
  | { readonly type: "message"; readonly message: string }
  | {
      readonly type: "size_limit" | "context_length" | "rate_limit";
      readonly [field: string]: unknown;
    };

const BRAND = Symbol.for("@dynamo/request-plane-core/RequestPlaneError");

/** Codes after which another instance may do what this one could not, as long as no item arrived. */
const ELSEWHERE: ReadonlySet<ErrorCode> = new Set([
  "unknown_endpoint",
  "overloaded",
  "unavailable",
  "cannot_connect",
  "disconnected",
  "deadline_exceeded",
  "protocol_error",
]);

export class RequestPlaneError extends Error {
  override readonly name = "RequestPlaneError";
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;
  readonly remote: boolean;
  readonly publicDetails: PublicDetails | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.facts = options.facts ?? {};
    this.remote = options.remote ?? false;
    this.publicDetails = options.publicDetails;
  }

  /** Whether the request may be sent to another instance, as long as none of its items was handed out. */
  get retryableElsewhere(): boolean {
    return ELSEWHERE.has(this.code) && this.facts.phase !== "total";
  }

  /** Whether the failure counts against the instance that was asked. One that has no room is not sick. */
  get blamesInstance(): boolean {
    return this.retryableElsewhere && this.code !== "overloaded";
  }

  /** The same error with more facts; those it already has win. */
  with(facts: ErrorFacts): RequestPlaneError {
    return new RequestPlaneError(this.code, this.message, {
      cause: this.cause,
      facts: { ...facts, ...this.facts },
      remote: this.remote,
      ...(this.publicDetails && { publicDetails: this.publicDetails }),
    });
  }

  /** Recognises errors of another copy of this package too. */
  static is(value: unknown): value is RequestPlaneError {
    return typeof value === "object" && value !== null && BRAND in value;
  }

  /** Any thrown value as an error of this class; what is one already is returned as it is. */
  static from(value: unknown, code: ErrorCode = "internal"): RequestPlaneError {
    if (RequestPlaneError.is(value)) return value;
    return new RequestPlaneError(code, textOf(value), { cause: value });
  }
}

Object.defineProperty(RequestPlaneError.prototype, BRAND, { value: true });

function textOf(value: unknown): string {
  if (value instanceof Error) return value.message;
  try {
    return String(value);
  } catch {
    return "Something was thrown that has no text";
  }
}
