/** The body of a request that is to be answered in-band: `"inb1" | 12 bytes of key | envelope`. */
import { randomBytes } from "node:crypto";
import { TWO_PART_PREFIX_BYTES, writeTwoPartPrefix } from "@dynamo/request-plane-core";
import type { InBandRequest } from "@dynamo/request-plane-core";
import { KEY_BYTES, MAGIC, PREFIX_BYTES } from "./frames.ts";

/** Keys that no other caller has: eight bytes of this one, and a number that comes again after four billion requests. */
export class KeySource {
  readonly #next: Buffer = randomBytes(KEY_BYTES);
  readonly #counterAt = KEY_BYTES - 4;

  /** Good until the next call. */
  next(): Buffer {
    this.#next.writeUInt32BE((this.#next.readUInt32BE(this.#counterAt) + 1) >>> 0, this.#counterAt);
    return this.#next;
  }
}

export function encodeRequestBody({ control, payload }: InBandRequest, key: Buffer): Buffer {
  const controlBytes = Buffer.byteLength(control);
  const payloadBytes = Buffer.byteLength(payload);
  const controlStart = PREFIX_BYTES + TWO_PART_PREFIX_BYTES;
  const payloadStart = controlStart + controlBytes;
  const body = Buffer.allocUnsafe(payloadStart + payloadBytes);
  body.write(MAGIC, 0, "latin1");
  body.set(key, PREFIX_BYTES - KEY_BYTES);
  writeTwoPartPrefix(body, PREFIX_BYTES, controlBytes, payloadBytes);
  body.write(control, controlStart);
  if (typeof payload === "string") body.write(payload, payloadStart);
  else body.set(payload, payloadStart);
  return body;
}

export function keyIn(body: Buffer): Buffer {
  return body.subarray(PREFIX_BYTES - KEY_BYTES, PREFIX_BYTES);
}
