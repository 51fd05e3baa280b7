/**
 * What goes between a worker and a caller over NATS when responses come in-band. Described in docs/in-band.md.
 *
 *     message: u32 sequence | u32 interval in ms | frames        (big-endian)
 *
 * A link is all that goes between one worker process and one caller process; its messages are numbered from 1 in
 * either direction. A stream is one request and its response, by the number in the request's reply subject.
 */
import { StreamFrame } from "@dynamo/request-plane-core";

export const MESSAGE_HEAD_BYTES = 8;

export const FrameKind = {
  ...StreamFrame,
  /** Text, on stream 0: the link is over, and why. Of both sides. */
  CLOSE: 1,
  /** A piece of the body of the stream's next frame that is no PART. */
  PART: 16,
} as const;

/** Bytes of items that a worker may send on a stream before it is given more. */
export const INITIAL_CREDIT = 128 * 1024;
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
