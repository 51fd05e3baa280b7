/**
 * What metrics call a failure: the `error_type` of a request, and the `class` and `reason` of a failure.
 *
 * Source: the names in `/metrics` of Dynamo 1.6.1 and its table of error classes (live verification, B3 and C).
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { HttpError } from "../errors.ts";

export type ErrorType =
  | ""
  | "validation"
  | "not_found"
  | "overload"
  | "unavailable"
  | "cancelled"
  | "response_timeout"
  | "not_implemented"
  | "internal";

const ERROR_TYPES: Readonly<Record<number, ErrorType>> = {
  404: "not_found",
  429: "overload",
  499: "cancelled",
  501: "not_implemented",
  503: "unavailable",
  504: "response_timeout",
  529: "overload",
};

/** Of the HTTP status that a request ended with. */
export function errorTypeOf(status: number): ErrorType {
  if (status < 400) return "";
  return ERROR_TYPES[status] ?? (status < 500 ? "validation" : "internal");
}

export interface FailureLabels {
  readonly class: string;
  readonly reason: string;
}

const BY_STATUS: Readonly<Record<number, FailureLabels>> = {
  401: { class: "Unauthenticated", reason: "request.unauthenticated" },
  403: { class: "PermissionDenied", reason: "request.permission_denied" },
  404: { class: "NotFound", reason: "request.not_found" },
  409: { class: "Conflict", reason: "request.conflict" },
  413: { class: "PayloadTooLarge", reason: "request.payload_too_large" },
  415: { class: "UnsupportedMedia", reason: "request.unsupported_media" },
  429: { class: "RateLimited", reason: "request.rate_limited" },
  499: { class: "Cancelled", reason: "request.cancelled" },
  501: { class: "NotImplemented", reason: "runtime.not_implemented" },
  503: { class: "Unavailable", reason: "backend.unavailable" },
  504: { class: "DeadlineExceeded", reason: "request.deadline_exceeded" },
  529: { class: "CapacityExhausted", reason: "capacity.exhausted" },
};
const INVALID: FailureLabels = { class: "InvalidRequest", reason: "request.invalid" };
const INTERNAL: FailureLabels = { class: "Internal", reason: "runtime.internal" };

export function failureLabels({ status, cause }: HttpError): FailureLabels {
  const labels = BY_STATUS[status] ?? (status < 500 ? INVALID : INTERNAL);
  if (!RequestPlaneError.is(cause)) return labels;
  const { code } = cause;
  const isTransport = code === "cannot_connect" || code === "disconnected";
  return isTransport ? { ...labels, reason: `transport.${code}` } : labels;
}
