/**
 * Cuts what comes in on a switched connection into frames, however the bytes arrive, and skips the bodies of
 * frames that are larger than allowed.
 */
import { FRAME_HEAD_BYTES, kindAt, streamAt } from "@dynamo/request-plane-core";

export interface FrameSink {
  /** A frame with its head. The bytes are the sink's to keep. */
  frame(bytes: Buffer, start: number, end: number): void;
  /** Whether the frame may be this large. Of one that may not, nothing more is heard. Throws to give up. */
  admits(kind: number, stream: number, bodyBytes: number): boolean;
}

/** Frames of this size are never refused. */
const SMALL_BYTES = 512;

export class FrameInput {
  readonly #sink: FrameSink;
  /** A frame, or the head of one, that the chunks so far did not complete. */
  #partial: Buffer | undefined;
  #filled = 0;
  /** Bytes of a refused frame that are still to come. */
  #skip = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** A frame has begun and is not whole. */
  get isUnfinished(): boolean {
    return this.#filled > 0 || this.#skip > 0;
  }

  /** Throws what the sink throws; the stream can't be read any further then. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, chunk.length - at);
        this.#skip -= skipped;
        at += skipped;
      } else if (this.#partial) {
        at = this.#fill(this.#partial, chunk, at);
      } else {
        at = this.#read(chunk, at);
      }
    }
  }

  /** Reads the frame at `at`, or what there is of it. */
  #read(chunk: Buffer, at: number): number {
    const left = chunk.length - at;
    if (left < FRAME_HEAD_BYTES) {
      this.#partial = Buffer.allocUnsafe(FRAME_HEAD_BYTES);
      return this.#fill(this.#partial, chunk, at);
    }
    const bodyBytes = chunk.readUInt32BE(at);
    const bodyStart = at + FRAME_HEAD_BYTES;
    if (!this.#isAdmitted(chunk, at, bodyBytes)) {
      this.#skip = bodyBytes;
      return bodyStart;
    }
    if (left - FRAME_HEAD_BYTES < bodyBytes) {
      this.#partial = Buffer.allocUnsafe(FRAME_HEAD_BYTES + bodyBytes);
      return this.#fill(this.#partial, chunk, at);
    }
    const end = bodyStart + bodyBytes;
    this.#sink.frame(chunk, at, end);
    return end;
  }

  #fill(partial: Buffer, chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + partial.length - this.#filled);
    chunk.copy(partial, this.#filled, at, end);
    this.#filled += end - at;
    if (this.#filled === partial.length) this.#settle(partial);
    return end;
  }

  /** All the bytes that were asked for are there: a frame, or its head. */
  #settle(partial: Buffer): void {
    const bodyBytes = partial.readUInt32BE(0);
    if (partial.length === FRAME_HEAD_BYTES && bodyBytes > 0) {
      if (!this.#isAdmitted(partial, 0, bodyBytes)) {
        this.#partial = undefined;
        this.#filled = 0;
        this.#skip = bodyBytes;
        return;
      }
      const whole = Buffer.allocUnsafe(FRAME_HEAD_BYTES + bodyBytes);
      partial.copy(whole);
      this.#partial = whole;
      return;
    }
    this.#partial = undefined;
    this.#filled = 0;
    this.#sink.frame(partial, 0, partial.length);
  }

  #isAdmitted(bytes: Buffer, at: number, bodyBytes: number): boolean {
    if (bodyBytes <= SMALL_BYTES) return true;
    return this.#sink.admits(kindAt(bytes, at), streamAt(bytes, at), bodyBytes);
  }
}
