/** What a worker may send in-band on any plane, frame by frame: written by hand, so that tests don't trust our codec. */
import type { ErrorCode } from "@dynamo/request-plane-core";

export const RESPONSE_KINDS = {
  OPENED: 17,
  FAILED: 18,
  ITEM: 19,
  ANNOTATED: 20,
  END: 21,
  RESET: 22,
} as const;
const { OPENED, FAILED, ITEM, ANNOTATED, RESET } = RESPONSE_KINDS;

export type KindAndBody = readonly [kind: number, body?: string];

/** A response that is none: its name, its frames, and how the call fails. */
export type FailingResponse = readonly [name: string, frames: readonly KindAndBody[], code: ErrorCode];

export const FAILING_RESPONSES: readonly FailingResponse[] = [
  ["a reset before anything", [[RESET]], "disconnected"],
  ["a reset after it was opened", [[OPENED], [RESET]], "disconnected"],
  ["an item that is not JSON", [[ITEM, "{"]], "protocol_error"],
  ["an envelope that is no object", [[ANNOTATED, "1"]], "protocol_error"],
  ["an error item", [[ANNOTATED, '{"event":"error","comment":["no"]}']], "handler_failed"],
  ["a failure", [[FAILED, '{"error":"not today"}']], "unavailable"],
  ["a failure without an error", [[FAILED, '{"error":null}']], "protocol_error"],
  ["a failure that is not JSON", [[FAILED, "{"]], "protocol_error"],
  ["a frame of no kind", [[99]], "protocol_error"],
];
