/**
 * Buffers that connections write from, shared by those of one client or server: a connection needs one between its
 * first write of a tick and the end of it, and none while it is idle.
 */
const BUFFER_BYTES = 256 * 1024;
const MOST = 4;

export class SpareBuffers {
  readonly #buffers: Buffer[] = [];

  take(bytes: number): Buffer {
    const spare = bytes <= BUFFER_BYTES ? this.#buffers.pop() : undefined;
    return spare ?? Buffer.allocUnsafeSlow(Math.max(bytes, BUFFER_BYTES));
  }

  /** Of which nobody uses a part any more. */
  give(buffer: Buffer): void {
    if (buffer.length === BUFFER_BYTES && this.#buffers.length < MOST) this.#buffers.push(buffer);
  }
}
