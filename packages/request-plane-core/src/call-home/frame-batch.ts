/**
 * Two-part frames that are to leave together, encoded into one buffer.
 */
import type { Writable } from "node:stream";
import { TWO_PART_PREFIX_BYTES, writeTwoPartPrefix } from "../wire/two-part.ts";

const INITIAL_BYTES = 1024;
/** From here on a batch should be written before it grows. */
const FULL_BYTES = 64 * 1024;

export class FrameBatch {
  #buffer: Buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #used = 0;

  get isEmpty(): boolean {
    return this.#used === 0;
  }

  get isFull(): boolean {
    return this.#used >= FULL_BYTES;
  }

  /** Adds a frame with one part: all header or all body. */
  add(content: string | Uint8Array, part: "header" | "body"): void {
    // A UTF-16 unit takes at most three bytes in UTF-8.
    this.#reserve(TWO_PART_PREFIX_BYTES + content.length * (typeof content === "string" ? 3 : 1));
    const start = this.#used + TWO_PART_PREFIX_BYTES;
    const bytes = this.#put(content, start);
    writeTwoPartPrefix(this.#buffer, this.#used, part === "header" ? bytes : 0, part === "body" ? bytes : 0);
    this.#used = start + bytes;
  }

  /** Writes all frames and starts anew. `onWritten` is called when the system has them all, or can't take them. */
  writeTo(stream: Writable, onWritten?: () => void): void {
    stream.write(this.#buffer.subarray(0, this.#used), onWritten);
    this.#used = 0;
    // Written at once in most cases; what is not belongs to the stream now.
    if (stream.writableLength > 0 || this.#buffer.length > FULL_BYTES * 2) {
      this.#buffer = Buffer.allocUnsafe(INITIAL_BYTES);
    }
  }

  #put(content: string | Uint8Array, start: number): number {
    if (typeof content === "string") return this.#buffer.write(content, start);
    this.#buffer.set(content, start);
    return content.length;
  }

  #reserve(bytes: number): void {
    const needed = this.#used + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 4));
    this.#buffer.copy(larger, 0, 0, this.#used);
    this.#buffer = larger;
  }
}
