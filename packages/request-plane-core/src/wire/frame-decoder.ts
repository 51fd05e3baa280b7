/**
 * Cuts a byte stream into frames, however the bytes arrive. A frame that is whole inside a chunk is handed
 * out where it lies; one that is spread over chunks is gathered once, in a buffer of its own size.
 */

/**
 * Tells how long the frame is that begins at `start`. Positive: its length in bytes. Negative: so many bytes,
 * counted from `start`, are needed before more can be said. Throws when the frame must not be accepted, from
 * its head alone.
 */
export type MeasureFrame = (bytes: Buffer, start: number, end: number) => number;

/** Called with each frame. The bytes are the callee's to keep. */
export type OnFrame = (bytes: Buffer, start: number, end: number) => void;

export class FrameDecoder {
  readonly #measure: MeasureFrame;
  readonly #onFrame: OnFrame;
  /** A frame, or the head of one, that the chunks so far did not complete. */
  #partial: Buffer | undefined;
  #filled = 0;

  constructor(measure: MeasureFrame, onFrame: OnFrame) {
    this.#measure = measure;
    this.#onFrame = onFrame;
  }

  /** Bytes of an unfinished frame that are held. */
  get held(): number {
    return this.#filled;
  }

  /** Throws what `measure` and `onFrame` throw; the stream can't be read any further then. */
  push(chunk: Buffer): void {
    let start = 0;
    while (start < chunk.length) {
      if (this.#partial) {
        start = this.#fill(this.#partial, chunk, start);
        continue;
      }
      const length = this.#measure(chunk, start, chunk.length);
      if (length > 0 && length <= chunk.length - start) {
        this.#onFrame(chunk, start, start + length);
        start += length;
      } else {
        this.#partial = Buffer.allocUnsafe(Math.abs(length));
      }
    }
  }

  #fill(partial: Buffer, chunk: Buffer, start: number): number {
    const end = Math.min(chunk.length, start + partial.length - this.#filled);
    chunk.copy(partial, this.#filled, start, end);
    this.#filled += end - start;
    if (this.#filled === partial.length) this.#settle(partial);
    return end;
  }

  /** All the bytes that were asked for are there: they are a frame, or enough of its head to ask for more. */
  #settle(partial: Buffer): void {
    const length = this.#measure(partial, 0, partial.length);
    if (length === partial.length) {
      this.#partial = undefined;
      this.#filled = 0;
      this.#onFrame(partial, 0, length);
      return;
    }
    const larger = Buffer.allocUnsafe(Math.abs(length));
    partial.copy(larger);
    this.#partial = larger;
  }
}
