/**
 * How a connection is switched: a request frame to a path that no endpoint has. A worker that knows it
 * acknowledges, and from then on both sides write frames of `frames.ts`. Any other worker refuses it, as it does
 * with every path it doesn't know.
 */
import { decodeReply, measureReply } from "../reply-frame.ts";
import { encodeFrameHead } from "../request-frame.ts";
import { SWITCH_PATH } from "./frames.ts";

const FRAME = encodeFrameHead(SWITCH_PATH, {}, 0);
/** A worker has no more to say than why it refuses. */
const measure = measureReply(64 * 1024);

export class SwitchRequest {
  readonly frame: Buffer = FRAME;
  #read: Buffer = Buffer.alloc(0);

  /**
   * What came from the worker so far: `declined`, or the bytes behind its acknowledgement; `undefined` when more is
   * needed. Throws `protocol_error` for what is no reply.
   */
  read(chunk: Buffer): "declined" | Buffer | undefined {
    this.#read = Buffer.concat([this.#read, chunk]);
    const length = measure(this.#read, 0, this.#read.length);
    if (length < 0 || length > this.#read.length) return undefined;
    return decodeReply(this.#read, 0, length) ? "declined" : this.#read.subarray(length);
  }
}
