import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { ErrorCode, ErrorOptions } from "@dynamo/request-plane-core";
import { describe, expect, test } from "vitest";
import { toHttpError } from "../src/errors.ts";

const SECRET = "worker 10.0.0.7 says:\n\nboom";

function answer(code: ErrorCode, options: ErrorOptions = {}) {
  const { status, body, headers } = toHttpError(new RequestPlaneError(code, SECRET, options));
  return { status, ...body.error, headers };
}

describe("errors of the request plane as answers", () => {
  test.each<[ErrorCode, number, string, string]>([
    ["invalid_argument", 400, "Invalid request", "invalid_request_error"],
    ["unauthenticated", 401, "Authentication failed", "authentication_error"],
    ["permission_denied", 403, "Permission denied", "permission_error"],
    ["not_found", 404, "Not found", "not_found_error"],
    ["conflict", 409, "Conflict with another request", "conflict_error"],
    ["payload_too_large", 413, "Request too large", "invalid_request_error"],
    ["unsupported_media", 415, "Unsupported media", "invalid_request_error"],
    ["rate_limited", 429, "Rate limit exceeded", "rate_limit_error"],
    ["cancelled", 499, "Request cancelled", "request_cancelled"],
    ["not_implemented", 501, "Not implemented", "not_implemented_error"],
    ["no_instances", 503, "Service temporarily unavailable", "service_unavailable"],
    ["unknown_endpoint", 503, "Service temporarily unavailable", "service_unavailable"],
    ["unavailable", 503, "Service temporarily unavailable", "service_unavailable"],
    ["cannot_connect", 503, "Service temporarily unavailable", "service_unavailable"],
    ["disconnected", 503, "Service temporarily unavailable", "service_unavailable"],
    ["closed", 503, "Service temporarily unavailable", "service_unavailable"],
    ["deadline_exceeded", 504, "Request deadline exceeded", "timeout_error"],
    ["overloaded", 529, "Service temporarily overloaded", "service_unavailable"],
    ["handler_failed", 500, "Internal server error", "internal_server_error"],
    ["protocol_error", 500, "Internal server error", "internal_server_error"],
    ["internal", 500, "Internal server error", "internal_server_error"],
  ])("%s is %i %s, without a word of the worker's", (code, status, message, type) => {
    const { headers, ...error } = answer(code, { remote: true });
    expect(error).toEqual({ status, message, type, param: null, code: status });
    expect(headers).toEqual(status === 503 || status === 529 ? { "retry-after": "1" } : {});
  });

  test("what the worker means for clients is shown, but not when it has no room", () => {
    const publicDetails = { type: "message", message: "Prompt has no verb" } as const;
    expect(answer("invalid_argument", { publicDetails }).message).toBe("Prompt has no verb");
    expect(answer("handler_failed", { publicDetails }).message).toBe("Prompt has no verb");
    expect(answer("overloaded", { publicDetails }).message).toBe("Service temporarily overloaded");
  });

  test("limits are details", () => {
    const publicDetails = { type: "context_length", limit: 10, actual: 11 } as const;
    expect(answer("invalid_argument", { publicDetails })).toMatchObject({
      message: "Invalid request",
      details: publicDetails,
    });
  });

  test("a rate limit says when to come back", () => {
    expect(answer("rate_limited", { facts: { retryAfterSeconds: 2.1 } }).headers).toEqual({
      "retry-after": "3",
    });
  });

  test("a limit of this side names its setting", () => {
    const facts = { limit: 10, actual: 11, setting: "DYN_TCP_MAX_MESSAGE_SIZE" };
    expect(answer("payload_too_large", { facts }).message).toBe(
      "Request of 11 bytes exceeds the limit of 10 bytes set by DYN_TCP_MAX_MESSAGE_SIZE",
    );
  });

  test("anything else is an internal server error that says nothing", () => {
    expect(toHttpError(new TypeError(SECRET))).toMatchObject({
      status: 500,
      message: "Internal server error",
    });
    expect(toHttpError("text")).toMatchObject({ status: 500 });
  });
});
