/**
 * Two-part frames that are to leave together, encoded into one buffer.
 */
import type { Writable } from "node:stream";
import { TWO_PART_PREFIX_BYTES, writeBodyBytes, writeTwoPartPrefix } from "../wire/two-part.ts";

const INITIAL_BYTES = 1024;
/** Of a UTF-16 unit in UTF-8. */
const MOST_BYTES_PER_UNIT = 3;
/** From here on a batch should be written before it grows. */
const FULL_BYTES = 64 * 1024;
const MOST_SPARE = 16;

/** What stands around the JSON text of a body, as bytes: these are copied faster than text is encoded. */
export interface Wrapping {
  /** With room for the frame's prefix in front, which is all zeros. */
  readonly head: Buffer;
  readonly tail: Buffer;
}

export function wrapping(head: string, tail: string): Wrapping {
  return { head: Buffer.from("\0".repeat(TWO_PART_PREFIX_BYTES) + head), tail: Buffer.from(tail) };
}

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
    const bytesPerUnit = typeof content === "string" ? MOST_BYTES_PER_UNIT : 1;
    this.#reserve(TWO_PART_PREFIX_BYTES + content.length * bytesPerUnit);
    const start = this.#used + TWO_PART_PREFIX_BYTES;
    const bytes = this.#put(content, start);
    writeTwoPartPrefix(this.#buffer, this.#used, part === "header" ? bytes : 0, part === "body" ? bytes : 0);
    this.#used = start + bytes;
  }

  /** Adds a frame that is all body: this text, wrapped. */
  addWrapped(json: string, { head, tail }: Wrapping): void {
    this.#reserve(head.length + json.length * MOST_BYTES_PER_UNIT + tail.length);
    const prefix = this.#used;
    const start = prefix + head.length;
    this.#buffer.set(head, prefix);
    const end = start + this.#buffer.write(json, start);
    this.#buffer.set(tail, end);
    this.#used = end + tail.length;
    writeBodyBytes(this.#buffer, prefix, this.#used - prefix - TWO_PART_PREFIX_BYTES);
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

/** For writers that have something to write: those that don't, as most streams at most times, hold no batch. */
export class SpareBatches {
  readonly #batches: FrameBatch[] = [];

  take(): FrameBatch {
    return this.#batches.pop() ?? new FrameBatch();
  }

  /** One that is empty, and nobody else's. */
  give(batch: FrameBatch): void {
    if (this.#batches.length < MOST_SPARE) this.#batches.push(batch);
  }
}
