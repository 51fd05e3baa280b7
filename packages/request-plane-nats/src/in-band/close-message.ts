/** What either side says when a link is over. It counts whatever its number is, and goes out of turn. */
import { FRAME_HEAD_BYTES, kindAt, streamAt } from "@dynamo/request-plane-core";
import { FrameKind, MESSAGE_HEAD_BYTES } from "./frames.ts";

const MAX_TEXT = 500;

export function encodeClose(why: string, intervalMs: number): Buffer {
  const text = Buffer.from(why.slice(0, MAX_TEXT));
  const message = Buffer.alloc(MESSAGE_HEAD_BYTES + FRAME_HEAD_BYTES + text.length);
  message.writeUInt32BE(intervalMs, 4);
  message.writeUInt32BE(text.length, MESSAGE_HEAD_BYTES);
  message[MESSAGE_HEAD_BYTES + 8] = FrameKind.CLOSE;
  message.set(text, MESSAGE_HEAD_BYTES + FRAME_HEAD_BYTES);
  return message;
}

/** Why the other side says that the link is over; `undefined` for any other message. */
export function decodeClose(message: Buffer): string | undefined {
  const start = MESSAGE_HEAD_BYTES;
  if (message.length < start + FRAME_HEAD_BYTES) return undefined;
  if (kindAt(message, start) !== FrameKind.CLOSE || streamAt(message, start) !== 0) return undefined;
  return message.toString("utf8", start + FRAME_HEAD_BYTES);
}
