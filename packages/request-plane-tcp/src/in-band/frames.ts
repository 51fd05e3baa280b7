/**
 * The frames of a connection that was switched to in-band responses.
 *
 *     u32 body length | u32 stream | u8 kind | body        (big-endian)
 *
 * A stream is one request and its response. The caller numbers its streams upwards from 1 and uses no number twice
 * on one connection. Described in docs/in-band.md.
 */
export const HEAD_BYTES = 9;

/** The kind of the frame that begins at `start`. */
export function kindAt(bytes: Buffer, start: number): number {
  return bytes[start + 8] ?? 0;
}

export function streamAt(bytes: Buffer, start: number): number {
  return bytes.readUInt32BE(start + 4);
}

/** Of a frame. Those below 16 are the caller's, the others the worker's. */
export const FrameKind = {
  /** `u32 credit | u16 path length | path | u16 headers length | headers | envelope` opens a stream. */
  REQUEST: 1,
  /** No body: the worker should come to an end. */
  STOP: 2,
  /** No body: the stream is over for the caller. */
  KILL: 3,
  /** `u32`: so many bytes more may be sent. */
  CREDIT: 4,
  /** Text: the request is not accepted, and why. The stream is over. On stream 0: the connection is over. */
  REFUSED: 16,
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

export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

/** Bytes of items that a worker may send on a stream before it is given more. */
export const INITIAL_CREDIT = 256 * 1024;
/** A stream never has more credit than this. */
export const MAX_CREDIT = 2 ** 31 - 1;
/** Streams at the same time on one connection. */
export const MAX_STREAMS = 20_000;

/** The value of `connection_info.transport`, and what instance records say. */
export const IN_BAND_TRANSPORT = "tcp_inband";
/** The path of the request frame that switches a connection. No endpoint can have it: ids are hexadecimal. */
export const SWITCH_PATH = "_inband/1";
