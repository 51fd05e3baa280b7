import { AuthorizationError, UserAuthenticationExpiredError } from "@nats-io/transport-node";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { Access } from "./connection-options.ts";

/** Why the first connection was not made, and what to do. */
export function connectError(cause: unknown, access: Access, timeoutMs?: number): RequestPlaneError {
  const { shown, identity } = access;
  const facts = { setting: "NATS_SERVER" };
  if (isAuthError(cause)) {
    return new RequestPlaneError(
      "unauthenticated",
      `NATS at ${shown} refused ${identity}; it needs NATS_AUTH_USERNAME and NATS_AUTH_PASSWORD, ` +
        "NATS_AUTH_TOKEN, NATS_AUTH_NKEY or NATS_AUTH_CREDENTIALS_FILE, the first of which counts",
      { cause, facts: { ...facts, setting: "NATS_AUTH_*" } },
    );
  }
  const advice = "Start a server there, or set NATS_SERVER to where one runs";
  if (timeoutMs !== undefined) {
    return new RequestPlaneError(
      "deadline_exceeded",
      `No NATS server spoke at ${shown} within ${timeoutMs} ms. ${advice}`,
      { cause, facts: { ...facts, phase: "connect", limit: timeoutMs, elapsedMs: timeoutMs } },
    );
  }
  return new RequestPlaneError(
    "cannot_connect",
    `Cannot connect to NATS at ${shown}: ${describe(cause)}. ${advice}`,
    { cause, facts },
  );
}

/** The connection stood once, and is down. */
export function disconnected(
  code: "cannot_connect" | "disconnected",
  server: string,
  problem = "",
): RequestPlaneError {
  const what = code === "disconnected" ? "Lost the connection" : "Not connected at the moment";
  const why = problem === "" ? "" : `: ${problem}`;
  return new RequestPlaneError(code, `${what} to NATS at ${server}${why}`);
}

/** The worker said nothing. */
export function timedOut(address: string, limit: number): RequestPlaneError {
  const facts = { address, phase: "acknowledge", limit, elapsedMs: limit } as const;
  return new RequestPlaneError("deadline_exceeded", `No acknowledgement from ${address} within ${limit} ms`, {
    facts: { ...facts, setting: "DYN_NATS_REQUEST_TIMEOUT_SECS" },
  });
}

export function permissionDenied(problem: string): RequestPlaneError {
  return new RequestPlaneError("permission_denied", `NATS does not allow this: ${problem}`);
}

export function describe(error: unknown): string {
  return error instanceof Error && error.message !== "" ? error.message : "no reason given";
}

/** Not that the server heard nothing in time, which the library gives the same class: nothing was refused then. */
function isAuthError(error: unknown): boolean {
  if (error instanceof UserAuthenticationExpiredError) return true;
  return error instanceof AuthorizationError && !/authentication timeout/i.test(error.message);
}
