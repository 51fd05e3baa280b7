/**
 * In-band responses on HTTP: what a request looks like that is to be answered so, and the frames in the body of the
 * answer.
 *
 *     u32 body length | u8 kind | body        (big-endian)
 *
 * Described in docs/in-band.md.
 */
import { RequestPlaneError, ResponseFrame } from "@dynamo/request-plane-core";
import type { MeasureFrame } from "@dynamo/request-plane-core";

export const HEAD_BYTES = 5;

/** What bodies of answers hold. */
export const BodyFrame = {
  ...ResponseFrame,
  /** Several items in JSON. */
  ITEMS: 23,
} as const;

export type BodyFrame = (typeof BodyFrame)[keyof typeof BodyFrame];

/** A frame of several items may be as large as this, whatever the limit for one is. */
export const MAX_ITEMS_BYTES: number = 128 * 1024;

/** The kind of the frame that begins at `start`. */
export function kindAt(bytes: Buffer, start: number): number {
  return bytes[start + 4] ?? 0;
}

/** Measures frames; bodies of more than `limit` bytes are `payload_too_large`. */
export function measureFrame(limit: number): MeasureFrame {
  return (bytes, start, end) => {
    if (end - start < HEAD_BYTES) return -HEAD_BYTES;
    const bodyBytes = bytes.readUInt32BE(start);
    const mayBeLarger = bodyBytes <= MAX_ITEMS_BYTES && kindAt(bytes, start) === BodyFrame.ITEMS;
    if (bodyBytes > limit && !mayBeLarger) throw tooLarge(bodyBytes, limit);
    return HEAD_BYTES + bodyBytes;
  };
}

/** The value of `connection_info.transport`, and what instance records say. */
export const IN_BAND_TRANSPORT = "http_inband";
/** The content type of a request that is to be answered in-band, and of its answer. */
export const IN_BAND_TYPE = "application/x-dynamo-inband";
/** The content type of a request whose body is a key: the response with this key should come to an end. */
export const STOP_TYPE = "application/x-dynamo-inband-stop";

/**
 * How the body of a request begins: four letters and the key of its response, which is the caller's to choose. No
 * two-part message begins so, so that nobody takes the body for one.
 */
export const MAGIC = "inb1";
const MAGIC_BYTES = 4;
const MAGIC_NUMBER = Buffer.from(MAGIC).readUInt32BE();
export const KEY_BYTES = 12;
export const PREFIX_BYTES: number = MAGIC_BYTES + KEY_BYTES;

/** The key in the body of a request. Throws `unsupported_media`, so that callers take another way. */
export function keyOf(body: Buffer): string {
  if (body.length >= PREFIX_BYTES && body.readUInt32BE() === MAGIC_NUMBER)
    return body.toString("latin1", MAGIC_BYTES, PREFIX_BYTES);
  throw new RequestPlaneError("unsupported_media", `The body doesn't begin with '${MAGIC}' and a key`);
}

export function tooLarge(actual: number, limit: number): RequestPlaneError {
  const setting = "DYN_TCP_MAX_MESSAGE_SIZE";
  const message = `An item of the response has ${actual} bytes, the limit is ${limit} (${setting})`;
  return new RequestPlaneError("payload_too_large", message, { facts: { actual, limit, setting } });
}
