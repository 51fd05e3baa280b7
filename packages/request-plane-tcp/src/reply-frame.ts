/**
 * What a worker answers to a request frame: nothing for "accepted", else the reason for the refusal as text.
 *
 *     u32 length | text        (big-endian)
 *
 * Source: wire-protocol notes, section 2.3; live verification, A5.
 */
import { refusalCode, RequestPlaneError } from "@dynamo/request-plane-core";
import type { MeasureFrame } from "@dynamo/request-plane-core";

export const ACKNOWLEDGEMENT: Buffer = Buffer.alloc(4);

export function encodeReply(text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  const reply = Buffer.allocUnsafe(4 + bytes);
  reply.writeUInt32BE(bytes, 0);
  reply.write(text, 4);
  return reply;
}

/** Measures replies; longer ones than `limit` bytes are a `protocol_error`. */
export function measureReply(limit: number): MeasureFrame {
  return (bytes, start, end) => {
    if (end - start < 4) return -4;
    const length = 4 + bytes.readUInt32BE(start);
    if (length <= limit) return length;
    throw new RequestPlaneError("protocol_error", `A reply of ${length} bytes is no reply`, {
      facts: { actual: length, limit },
    });
  };
}

/** The refusal, or `undefined` for an acknowledgement. */
export function decodeReply(bytes: Buffer, start: number, end: number): RequestPlaneError | undefined {
  if (end - start === 4) return undefined;
  return refusalOf(bytes.toString("utf8", start + 4, end));
}

/** What a worker's text means. */
export function refusalOf(text: string): RequestPlaneError {
  const code = refusalCode(text);
  return new RequestPlaneError(code, text, {
    remote: true,
    ...(code === "payload_too_large" && { facts: sizesIn(text) }),
  });
}

/** `message too large: 34000000 bytes (max: 33554432 bytes)` */
function sizesIn(text: string): { actual?: number; limit?: number; setting: string } {
  const match = /(\d+) bytes \(max: (\d+) bytes\)/.exec(text);
  return {
    ...(match && { actual: Number(match[1]), limit: Number(match[2]) }),
    setting: "DYN_TCP_MAX_MESSAGE_SIZE (of the worker)",
  };
}
