/**
 * The two-part message: a header and a body, either of which may be empty. It is the envelope of every
 * request and the frame of every call-home connection.
 *
 *     u64 header length | u64 body length | u64 checksum | header | body        (big-endian)
 *
 * The checksum is written as 0 and not looked at, as in Dynamo's release builds.
 * Source: wire-protocol notes, section 1.1; lib/runtime/src/pipeline/network/codec/two_part.rs.
 */
import { RequestPlaneError } from "../errors.ts";
import type { MeasureFrame } from "./frame-decoder.ts";

export const TWO_PART_PREFIX_BYTES = 24;

export interface TwoPartMessage {
  readonly header: Buffer;
  readonly body: Buffer;
}

/** Writes the 24 bytes in front of header and body. */
export function writeTwoPartPrefix(
  target: Buffer,
  offset: number,
  headerBytes: number,
  bodyBytes: number,
): void {
  // Six short writes cost less than a call of `fill`.
  target.writeUInt32BE(0, offset);
  target.writeUInt32BE(headerBytes, offset + 4);
  target.writeUInt32BE(0, offset + 8);
  target.writeUInt32BE(bodyBytes, offset + 12);
  target.writeUInt32BE(0, offset + 16);
  target.writeUInt32BE(0, offset + 20);
}

/** Writes the length of the body into a prefix that is all zeros otherwise. */
export function writeBodyBytes(target: Buffer, offset: number, bodyBytes: number): void {
  target.writeUInt32BE(bodyBytes, offset + 12);
}

/** Prefix and header as one buffer; the body follows as it is. */
export function encodeTwoPartHead(header: string, bodyBytes: number): Buffer {
  const headerBytes = Buffer.byteLength(header);
  const head = Buffer.allocUnsafe(TWO_PART_PREFIX_BYTES + headerBytes);
  writeTwoPartPrefix(head, 0, headerBytes, bodyBytes);
  head.write(header, TWO_PART_PREFIX_BYTES);
  return head;
}

/** A whole message of two texts. */
export function encodeTwoPartText(header: string, body: string): Buffer {
  const bodyStart = TWO_PART_PREFIX_BYTES + Buffer.byteLength(header);
  const bodyBytes = Buffer.byteLength(body);
  const message = Buffer.allocUnsafe(bodyStart + bodyBytes);
  writeTwoPartPrefix(message, 0, bodyStart - TWO_PART_PREFIX_BYTES, bodyBytes);
  message.write(header, TWO_PART_PREFIX_BYTES);
  message.write(body, bodyStart);
  return message;
}

/** A message that is all header. */
export function encodeHeaderOnly(header: string): Buffer {
  return encodeTwoPartHead(header, 0);
}

/** A message that is all body. */
export function encodeDataOnly(body: Uint8Array): Buffer {
  const message = Buffer.allocUnsafe(TWO_PART_PREFIX_BYTES + body.length);
  writeTwoPartPrefix(message, 0, 0, body.length);
  message.set(body, TWO_PART_PREFIX_BYTES);
  return message;
}

/** Bytes of the header of the message at `start`, which must be whole. */
export function headerBytesOf(bytes: Buffer, start: number): number {
  return bytes.readUInt32BE(start + 4);
}

/** Measures two-part messages; larger ones than `limit` bytes, prefix included, are `payload_too_large`. */
export function measureTwoPart(limit: number, setting: string): MeasureFrame {
  return (bytes, start, end) => {
    if (end - start < TWO_PART_PREFIX_BYTES) return -TWO_PART_PREFIX_BYTES;
    const length = TWO_PART_PREFIX_BYTES + readLength(bytes, start) + readLength(bytes, start + 8);
    if (length > limit) throw tooLarge(length, limit, setting);
    return length;
  };
}

/** Where the parts of a message lie in its buffer. */
export interface TwoPartBounds {
  readonly bodyStart: number;
  readonly end: number;
}

/**
 * Finds the message at the front of a complete buffer; bytes after it are ignored, as in Dynamo. The header begins
 * behind the prefix. Throws `protocol_error` when the buffer ends before the message does.
 */
export function boundsOfTwoPart(buffer: Buffer): TwoPartBounds {
  const bodyStart =
    buffer.length < TWO_PART_PREFIX_BYTES ? NaN : TWO_PART_PREFIX_BYTES + readLength(buffer, 0);
  const end = bodyStart + (bodyStart > 0 ? readLength(buffer, 8) : 0);
  if (end <= buffer.length) return { bodyStart, end };
  throw new RequestPlaneError("protocol_error", "Two-part message is incomplete", {
    facts: { actual: buffer.length },
  });
}

/** Both parts, as {@link boundsOfTwoPart} finds them. */
export function decodeTwoPart(bytes: Uint8Array): TwoPartMessage {
  const buffer = asBuffer(bytes);
  const { bodyStart, end } = boundsOfTwoPart(buffer);
  return { header: buffer.subarray(TWO_PART_PREFIX_BYTES, bodyStart), body: buffer.subarray(bodyStart, end) };
}

/** The same bytes with the methods of a buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A u64 that may be beyond what a number holds exactly; it is then beyond every limit too. */
function readLength(bytes: Buffer, offset: number): number {
  return bytes.readUInt32BE(offset) * 0x1_0000_0000 + bytes.readUInt32BE(offset + 4);
}

function tooLarge(actual: number, limit: number, setting: string): RequestPlaneError {
  return new RequestPlaneError(
    "payload_too_large",
    `message too large: ${actual} bytes (max: ${limit} bytes, set by ${setting})`,
    { facts: { actual, limit, setting } },
  );
}
