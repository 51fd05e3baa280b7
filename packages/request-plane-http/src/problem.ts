/**
 * Failures as HTTP statuses with a problem document (RFC 9457): what a worker answers, and what its caller
 * makes of it.
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { ErrorCode, ErrorFacts } from "@dynamo/request-plane-core";

const STATUS: Readonly<Record<ErrorCode, number>> = {
  invalid_argument: 400,
  protocol_error: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  unknown_endpoint: 404,
  conflict: 409,
  payload_too_large: 413,
  unsupported_media: 415,
  overloaded: 429,
  rate_limited: 429,
  cancelled: 499,
  handler_failed: 500,
  invalid_configuration: 500,
  address_in_use: 500,
  internal: 500,
  not_implemented: 501,
  cannot_connect: 502,
  disconnected: 502,
  unavailable: 503,
  no_instances: 503,
  closed: 503,
  deadline_exceeded: 504,
};

/** The content type of a problem document. */
export const PROBLEM_TYPE = "application/problem+json";
/** More of a refusal isn't read. */
export const MAX_PROBLEM_BYTES = 64 * 1024;

export function statusOf({ code }: RequestPlaneError): number {
  return STATUS[code];
}

/** An error as JSON properties; the facts that it has among them. */
export function describe(error: RequestPlaneError): Record<string, unknown> {
  const { code, message, facts, publicDetails } = error;
  const { limit, actual, setting } = facts;
  return { code, message, limit, actual, setting, ...(publicDetails && { details: publicDetails }) };
}

export function problemDocument(status: number, error: RequestPlaneError): string {
  const { message, ...rest } = describe(error);
  return `${JSON.stringify({ title: error.code.replaceAll("_", " "), status, detail: message, ...rest })}\n`;
}

/** What a worker may refuse a delivery with. */
const REFUSALS: ReadonlySet<unknown> = new Set<ErrorCode>([
  "unknown_endpoint",
  "overloaded",
  "unavailable",
  "payload_too_large",
  "invalid_argument",
]);

const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: "invalid_argument",
  401: "unauthenticated",
  403: "permission_denied",
  404: "unknown_endpoint",
  408: "unavailable",
  413: "payload_too_large",
  429: "overloaded",
};

/** The refusal that an answer other than 2xx means, whether its worker is one of ours or not. */
export function refusalOf(status: number, body: string): RequestPlaneError {
  const problem = parse(body);
  const { code, detail, limit, actual, setting } = problem;
  const byStatus = CODE_OF_STATUS[status] ?? (status >= 500 ? "unavailable" : "protocol_error");
  const text = typeof detail === "string" ? detail : body.trim().slice(0, 1000);
  return new RequestPlaneError(
    REFUSALS.has(code) ? (code as ErrorCode) : byStatus,
    `The worker answered ${status}${text === "" ? "" : `: ${text}`}`,
    { remote: true, facts: factsOf({ limit, actual, setting }) },
  );
}

function factsOf({ limit, actual, setting }: Record<"limit" | "actual" | "setting", unknown>): ErrorFacts {
  return {
    ...(typeof limit === "number" && { limit }),
    ...(typeof actual === "number" && { actual }),
    ...(typeof setting === "string" && { setting: `${setting} (of the worker)` }),
  };
}

function parse(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Dynamo's own workers answer in plain text.
  }
  return {};
}
