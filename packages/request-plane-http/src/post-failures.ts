/**
 * Why a request came to nothing, other than by what the worker said.
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";

/** How often a request is sent that the worker says it never looked at. */
export const MAX_ATTEMPTS = 3;

export function noneTaken(address: string): RequestPlaneError {
  return new RequestPlaneError("unavailable", `${address} took none of ${MAX_ATTEMPTS} attempts`, {
    facts: { address },
  });
}

export function lost(address: string, when: string): RequestPlaneError {
  const message = `Lost the connection to ${address} ${when}`;
  return new RequestPlaneError("disconnected", message, { facts: { address } });
}

/** The time of a request is up. */
export function overdue(address: string, phase: "connect" | "acknowledge", limit: number): RequestPlaneError {
  const what = phase === "connect" ? "No connection to" : "No acknowledgement from";
  const facts = { address, phase, limit, elapsedMs: limit, setting: "DYN_HTTP_REQUEST_TIMEOUT" };
  return new RequestPlaneError("deadline_exceeded", `${what} ${address} within ${limit} ms`, { facts });
}

export function headersTooLarge(): RequestPlaneError {
  return new RequestPlaneError("invalid_argument", "The request's headers are too large for HTTP/2");
}
