/** From here on it is worth while to count bytes before room is made for them. */
const LONG_TEXT = 64 * 1024;

/** Bytes that are enough for a part. A UTF-16 unit takes at most three in UTF-8. */
export function roomFor(part: string | Uint8Array): number {
  if (typeof part !== "string") return part.length;
  return part.length < LONG_TEXT ? part.length * 3 : Buffer.byteLength(part);
}

/**
 * Buffers that responses or connections write into, shared by those of one client or server: each needs one between
 * its first write of a tick and the end of it, and none while it is idle.
 */
export class SpareBuffers {
  readonly #buffers: Buffer[] = [];
  readonly #bufferBytes: number;
  readonly #most: number;

  /** Keeps `most` buffers of `bufferBytes` each. */
  constructor(bufferBytes: number, most: number) {
    this.#bufferBytes = bufferBytes;
    this.#most = most;
  }

  take(bytes: number): Buffer {
    const spare = bytes <= this.#bufferBytes ? this.#buffers.pop() : undefined;
    return spare ?? Buffer.allocUnsafeSlow(Math.max(bytes, this.#bufferBytes));
  }

  /** Of which nobody uses a part any more. */
  give(buffer: Buffer): void {
    if (buffer.length === this.#bufferBytes && this.#buffers.length < this.#most) this.#buffers.push(buffer);
  }
}
