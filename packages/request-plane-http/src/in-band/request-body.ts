/** The body of a request that is to be answered in-band: `"inb1" | 12 bytes of key | envelope`. */
import { randomBytes } from "node:crypto";
import { TWO_PART_PREFIX_BYTES, writeTwoPartPrefix } from "@dynamo/request-plane-core";
import type { InBandRequest } from "@dynamo/request-plane-core";
import { KEY_BYTES, MAGIC, PREFIX_BYTES } from "./frames.ts";

const CONTROL_START = PREFIX_BYTES + TWO_PART_PREFIX_BYTES;
const SCRATCH_BYTES = 64 * 1024;

/** Keys that no other caller has: eight bytes of this one, and a number that comes again after four billion requests. */
class KeySource {
  readonly #next: Buffer = randomBytes(KEY_BYTES);
  readonly #counterAt = KEY_BYTES - 4;

  /** Good until the next call. */
  next(): Buffer {
    this.#next.writeUInt32BE((this.#next.readUInt32BE(this.#counterAt) + 1) >>> 0, this.#counterAt);
    return this.#next;
  }
}

/** One is enough for all requests: nothing stays in its scratch. */
export class RequestEncoder {
  readonly #keys = new KeySource();
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

  encode(request: InBandRequest): Buffer {
    const { control, payload } = request;
    // A UTF-16 unit takes at most three bytes in UTF-8. To count them takes longer for short texts.
    const room = CONTROL_START + (control.length + payload.length) * 3;
    if (room <= SCRATCH_BYTES) return Buffer.from(writeBody(request, this.#keys.next(), this.#scratch));
    const bytes = CONTROL_START + Buffer.byteLength(control) + Buffer.byteLength(payload);
    return writeBody(request, this.#keys.next(), Buffer.allocUnsafe(bytes));
  }
}

/** Gives the part of the target that is written. */
function writeBody({ control, payload }: InBandRequest, key: Buffer, target: Buffer): Buffer {
  const payloadStart = CONTROL_START + target.write(control, CONTROL_START);
  let payloadBytes = payload.length;
  if (typeof payload === "string") payloadBytes = target.write(payload, payloadStart);
  else target.set(payload, payloadStart);
  target.write(MAGIC, 0, "latin1");
  target.set(key, PREFIX_BYTES - KEY_BYTES);
  writeTwoPartPrefix(target, PREFIX_BYTES, payloadStart - CONTROL_START, payloadBytes);
  return target.subarray(0, payloadStart + payloadBytes);
}

export function keyIn(body: Buffer): Buffer {
  return body.subarray(PREFIX_BYTES - KEY_BYTES, PREFIX_BYTES);
}

/** The id in the control message. */
export function requestIdIn(body: Buffer): string {
  const controlBytes = Number(body.readBigUInt64BE(PREFIX_BYTES));
  const control = body.toString("utf8", CONTROL_START, CONTROL_START + controlBytes);
  return (JSON.parse(control) as { id: string }).id;
}
