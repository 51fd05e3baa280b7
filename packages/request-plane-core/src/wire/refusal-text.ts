/**
 * Why a worker refuses a request, as text. Dynamo has these texts on its TCP plane only; ours uses them on
 * every plane whose acknowledgement can carry one.
 *
 * Source: wire-protocol notes, sections 2.3 and 2.5; live verification, A5.
 */
import type { ErrorCode, RequestPlaneError } from "../errors.ts";

/**
 * The text for a refusal. Callers of 1.3 and later look at the beginning and ask another worker; older ones
 * take any text for an acknowledgement. `endpoint` is the path or subject that was asked for.
 */
export function refusalText({ code, message }: RequestPlaneError, endpoint: string): string {
  switch (code) {
    case "overloaded":
      return `Server overloaded: ${message}`;
    case "unknown_endpoint":
      return `Server unavailable: unknown endpoint ${endpoint}`;
    case "payload_too_large":
      return `Read error: ${message}`;
    case "invalid_argument":
    case "protocol_error":
      return `Decode error: ${message}`;
    default:
      return `Server unavailable: ${message}`;
  }
}

/** The texts of every release, by how they begin. The first that fits counts. */
const REFUSALS = [
  ["Server overloaded:", "overloaded"],
  ["Server unavailable: unknown endpoint", "unknown_endpoint"],
  ["Server unavailable:", "unavailable"],
  ["Unknown endpoint:", "unknown_endpoint"],
  ["Request too large", "payload_too_large"],
  ["Read error: message too large", "payload_too_large"],
  ["Read error:", "invalid_argument"],
  ["Decode error:", "invalid_argument"],
  ["Invalid endpoint path", "invalid_argument"],
] as const;

/** What a worker's text means; `protocol_error` for one that no release writes. */
export function refusalCode(text: string): ErrorCode {
  return REFUSALS.find(([beginning]) => text.startsWith(beginning))?.[1] ?? "protocol_error";
}
