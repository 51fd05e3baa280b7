/** What becomes of a connection to a worker, as errors. */
import { RequestPlaneError } from "@dynamo/request-plane-core";

const SETTINGS = { connect: "DYN_TCP_CONNECT_TIMEOUT", acknowledge: "DYN_TCP_REQUEST_TIMEOUT" } as const;

export function timedOut(address: string, phase: keyof typeof SETTINGS, limitMs: number): RequestPlaneError {
  const what = phase === "connect" ? "No connection to" : "No acknowledgement from";
  return new RequestPlaneError("deadline_exceeded", `${what} ${address} within ${limitMs} ms`, {
    facts: { address, phase, limit: limitMs, elapsedMs: limitMs, setting: SETTINGS[phase] },
  });
}

export function lostConnection(address: string, wasConnected: boolean, cause?: Error): RequestPlaneError {
  const what = wasConnected ? "Lost the connection to" : "Cannot connect to";
  const why = cause && "code" in cause ? `: ${String(cause.code)}` : "";
  return new RequestPlaneError(wasConnected ? "disconnected" : "cannot_connect", `${what} ${address}${why}`, {
    cause,
    facts: { address },
  });
}
