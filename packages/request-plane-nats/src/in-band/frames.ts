/**
 * What goes between a worker and a caller over NATS when responses come in-band. Described in docs/in-band.md.
 *
 *     message: u32 sequence | u32 interval in ms | frames
 *     frame:   u32 body length | u32 stream | u8 kind | body        (big-endian)
 *
 * A link is all that goes between one worker process and one caller process; its messages are numbered from 1 in
 * either direction. A stream is one request and its response, by the number in the request's reply subject.
 */
export const MESSAGE_HEAD_BYTES = 8;
export const HEAD_BYTES = 9;

/** The kind of the frame that begins at `start`. */
export function kindAt(bytes: Buffer, start: number): number {
  return bytes[start + 8] ?? 0;
}

export function streamAt(bytes: Buffer, start: number): number {
  return bytes.readUInt32BE(start + 4);
}

/** Of a frame. Those below 16 are the caller's, the others the worker's; CLOSE is of both. */
export const FrameKind = {
  /** Text, on stream 0: the link is over, and why. */
  CLOSE: 1,
  /** No body: the worker should come to an end. */
  STOP: 2,
  /** No body: the stream is over for the caller. */
  KILL: 3,
  /** `u32`: so many bytes more may be sent. */
  CREDIT: 4,
  /** A piece of the body of the stream's next frame that is no PART. */
  PART: 16,
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
export const INITIAL_CREDIT = 128 * 1024;
/** A stream never has more credit than this. */
export const MAX_CREDIT = 2 ** 31 - 1;
export const LAST_STREAM: number = 2 ** 32 - 1;

/** The value of `connection_info.transport`, and what instance records say. */
export const IN_BAND_TRANSPORT = "nats_inband";

/** How often a side with open streams is heard. */
export const DEFAULT_INTERVAL_MS = 2_000;
export const MAX_INTERVAL_MS = 60_000;
/** Intervals of silence after which the other side is gone. */
export const SILENT_INTERVALS = 8;

/** Links without streams are forgotten: by the worker first, which says so. */
export const WORKER_IDLE_MS = 60_000;
export const CALLER_IDLE_MS = 300_000;

/** Where a link's messages go: the subject's last token, which no stream number looks like. */
export function isLinkToken(token: string): boolean {
  return token.startsWith("L");
}

/** The last token of a subject. */
export function tokenOf(subject: string): string {
  return subject.slice(subject.lastIndexOf(".") + 1);
}
