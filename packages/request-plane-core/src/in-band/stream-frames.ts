/**
 * Frames of in-band responses on planes where many of these share a connection. A stream is one request and its
 * response. Each plane has a few kinds of its own besides. Described in docs/in-band.md.
 *
 *     u32 body length | u32 stream | u8 kind | body        (big-endian)
 */
import { RequestPlaneError } from "../errors.ts";

export const FRAME_HEAD_BYTES = 9;

/** The kind of the frame that begins at `start`. */
export function kindAt(bytes: Buffer, start: number): number {
  return bytes[start + 8] ?? 0;
}

export function streamAt(bytes: Buffer, start: number): number {
  return bytes.readUInt32BE(start + 4);
}

/** Kinds of the frames that workers send, on every plane. */
export const ResponseFrame = {
  /** No body: the request is accepted and will be answered. Any frame below says the same. */
  OPENED: 17,
  /** JSON, as the prologue of call-home: the request can't be answered. The stream is over. */
  FAILED: 18,
  /** The item alone, encoded in the request's codec. */
  ITEM: 19,
  /** The item's envelope, encoded in the request's codec. */
  ANNOTATED: 20,
  /** No body: the response is whole. The stream is over. */
  END: 21,
  /** No body: the worker gave the response up. The stream is over. */
  RESET: 22,
} as const;

export type ResponseFrame = (typeof ResponseFrame)[keyof typeof ResponseFrame];

/** Those of a shared connection. Kinds below 16 are the caller's, the others the worker's. */
export const StreamFrame = {
  /** No body: the worker should come to an end. */
  STOP: 2,
  /** No body: the stream is over for the caller. */
  KILL: 3,
  /** `u32`: so many bytes more may be sent. */
  CREDIT: 4,
  ...ResponseFrame,
} as const;

/** A stream never has more credit than this. */
export const MAX_CREDIT: number = 2 ** 31 - 1;

/** The body of a CREDIT frame. Throws `protocol_error` when it is none that may be. */
export function creditIn(bytes: Buffer, start: number, end: number): number {
  const isWhole = end - start === FRAME_HEAD_BYTES + 4;
  const credit = isWhole ? bytes.readUInt32BE(start + FRAME_HEAD_BYTES) : 0;
  if (credit > 0 && credit <= MAX_CREDIT) return credit;
  throw impossibleCredit();
}

export function impossibleCredit(): RequestPlaneError {
  return new RequestPlaneError("protocol_error", "The caller sent impossible credit");
}
