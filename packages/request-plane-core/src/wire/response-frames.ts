/**
 * The frames of a call-home connection besides data: handshake, prologue and control.
 *
 *     worker to caller   {"subject":…,"stream_type":"response"}   handshake
 *                        {"error":null}                           prologue
 *                        {"data":…,"complete_final":false}        data, any number
 *                        {"complete_final":true}                  the response is whole
 *                        "sentinel"                               nothing more comes
 *     caller to worker   "stop" or "kill"                         at any time
 *
 * Data frames are all body, the others all header. Source: wire-protocol notes, section 5.2.
 */
import { toDynamoError } from "../dynamo-error.ts";
import { fromDynamoError } from "../from-dynamo-error.ts";
import { RequestPlaneError } from "../errors.ts";
import { encodeHeaderOnly } from "./two-part.ts";

export const SENTINEL = '"sentinel"';
export const SENTINEL_FRAME: Buffer = encodeHeaderOnly(SENTINEL);
export const STOP_FRAME: Buffer = encodeHeaderOnly('"stop"');
export const KILL_FRAME: Buffer = encodeHeaderOnly('"kill"');
export const PROLOGUE_OK = '{"error":null}';
export const FINAL_BODY = '{"complete_final":true}';

/** Around an envelope in a data frame, as Dynamo and this package write it. */
export const ENVELOPE_HEAD = '{"data":';
export const ENVELOPE_TAIL = ',"complete_final":false}';
/** The same around an item whose envelope has nothing but data. */
export const ITEM_HEAD = '{"data":{"data":';
export const ITEM_TAIL = '},"complete_final":false}';

export interface Handshake {
  readonly subject: string;
  readonly streamType: string;
}

export function encodeHandshake(subject: string): string {
  return `{"subject":${JSON.stringify(subject)},"stream_type":"response"}`;
}

/** Throws `protocol_error`. */
export function decodeHandshake(json: string): Handshake {
  const { subject, stream_type: streamType } = parse(json, "handshake");
  if (typeof subject !== "string" || typeof streamType !== "string") throw malformed("handshake");
  return { subject, streamType };
}

/** With an error the response is refused: its text for every release, and the whole object for 1.6. */
export function encodePrologue(error?: RequestPlaneError): string {
  if (!error) return PROLOGUE_OK;
  return JSON.stringify({ error: error.message || error.code, typed_error: toDynamoError(error) });
}

/** The refusal, or `undefined` when the worker goes ahead. Throws `protocol_error`. */
export function decodePrologue(json: string): RequestPlaneError | undefined {
  if (json === PROLOGUE_OK) return undefined;
  const { error, typed_error: typed } = parse(json, "prologue");
  if (error === undefined || error === null) return undefined;
  if (typeof error !== "string") throw malformed("prologue");
  if (typeof typed === "object" && typed !== null) return fromDynamoError(typed);
  return new RequestPlaneError("unavailable", error || "the worker could not start the request", {
    remote: true,
  });
}

/** The error in a FAILED frame, whose body is a prologue too. Gives a `protocol_error` when it is none. */
export function decodeFailure(json: string): RequestPlaneError {
  try {
    const error = decodePrologue(json);
    return error ?? new RequestPlaneError("protocol_error", "The worker sent a failure without an error");
  } catch (error) {
    return RequestPlaneError.from(error);
  }
}

/** The contents of a header-only frame that the caller sends. */
export function decodeControl(json: string): "stop" | "kill" {
  if (json === '"stop"') return "stop";
  if (json === '"kill"') return "kill";
  throw malformed("control frame");
}

function parse(json: string, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw malformed(what, cause);
  }
  if (typeof value !== "object" || value === null) throw malformed(what);
  return value as Record<string, unknown>;
}

function malformed(what: string, cause?: unknown): RequestPlaneError {
  return new RequestPlaneError("protocol_error", `Malformed ${what} on the response connection`, { cause });
}
