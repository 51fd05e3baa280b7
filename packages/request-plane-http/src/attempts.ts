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
