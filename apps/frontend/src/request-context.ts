/**
 * What of a client's HTTP request goes along to the worker besides the body.
 */
import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;
const FORWARDED = ["traceparent", "tracestate", "x-request-id"] as const;

/** The client's own id when it is a UUID, else a new one. */
export function requestId(headers: IncomingHttpHeaders): string {
  const given = headers["x-dynamo-request-id"];
  return typeof given === "string" && UUID.test(given) ? given : randomUUID();
}

/** Tracing headers, as they came. */
export function forwardedHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const forwarded = FORWARDED.map((name) => [name, headers[name]] as const);
  return Object.fromEntries(
    forwarded.filter((entry): entry is [(typeof entry)[0], string] => typeof entry[1] === "string"),
  );
}
