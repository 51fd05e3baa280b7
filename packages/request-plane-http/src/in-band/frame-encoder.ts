import type { ResponseFrame } from "@dynamo/request-plane-core";
import { HEAD_BYTES } from "./frames.ts";

export interface OutgoingFrame {
  readonly kind: ResponseFrame;
  readonly body: string | Uint8Array;
}

const SCRATCH_BYTES = 256 * 1024;

/** Encodes the frames of one tick into one buffer. One is enough for all responses: nothing stays in it. */
export class FrameEncoder {
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

  encode(frames: readonly OutgoingFrame[]): Buffer {
    let room = 0;
    for (const { body } of frames) room += HEAD_BYTES + roomFor(body);
    if (room > SCRATCH_BYTES) return writeFrames(frames, Buffer.allocUnsafe(bytesOf(frames)));
    return Buffer.from(writeFrames(frames, this.#scratch));
  }
}

/** Bytes that are enough: a UTF-16 unit takes at most three in UTF-8. To count them takes longer for short texts. */
function roomFor(body: string | Uint8Array): number {
  return typeof body === "string" ? body.length * 3 : body.length;
}

function bytesOf(frames: readonly OutgoingFrame[]): number {
  return frames.reduce((sum, { body }) => sum + HEAD_BYTES + Buffer.byteLength(body), 0);
}

/** Gives the part of the target that is written. */
function writeFrames(frames: readonly OutgoingFrame[], target: Buffer): Buffer {
  let at = 0;
  for (const { kind, body } of frames) {
    const start = at + HEAD_BYTES;
    let length = body.length;
    if (typeof body === "string") length = target.write(body, start);
    else target.set(body, start);
    target.writeUInt32BE(length, at);
    target[at + 4] = kind;
    at = start + length;
  }
  return target.subarray(0, at);
}
