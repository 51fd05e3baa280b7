/**
 * The bytes of the multiplexed connection: `body length u32 | call u32 | kind u8 | body`. All text is ASCII, so that
 * a string is as long as its bytes.
 */
import type { Socket } from "node:net";

export const REQUEST = 0;
export const ITEM = 1;
export const END = 2;
export type Kind = typeof REQUEST | typeof ITEM | typeof END;

const HEADER_BYTES = 9;
/** Frames are put into slabs of this size, so that most of them cost no buffer of their own. */
const SLAB_BYTES = 1024 * 1024;

/** Frames of one tick leave in one write. */
export class FrameWriter {
  readonly #socket: Socket;
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #written = 0;
  #used = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  put(call: number, kind: Kind, body: string): void {
    const size = HEADER_BYTES + body.length;
    if (this.#used + size > this.#slab.length) this.#renew(size);
    if (this.#used === this.#written) process.nextTick(this.#write);
    const start = this.#used;
    this.#slab.writeUInt32BE(body.length, start);
    this.#slab.writeUInt32BE(call, start + 4);
    this.#slab[start + 8] = kind;
    this.#slab.write(body, start + HEADER_BYTES, "latin1");
    this.#used += size;
  }

  readonly #write = (): void => {
    if (this.#used > this.#written) this.#socket.write(this.#slab.subarray(this.#written, this.#used));
    this.#written = this.#used;
  };

  #renew(size: number): void {
    this.#write();
    this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, size));
    this.#written = this.#used = 0;
  }
}

/** Calls back for each whole frame that comes, in order. */
export function readFrames(socket: Socket, take: (call: number, kind: number, body: string) => void): void {
  let rest: Buffer | undefined;
  socket.on("data", (chunk: Buffer) => {
    const bytes = rest ? Buffer.concat([rest, chunk]) : chunk;
    let start = 0;
    while (bytes.length - start >= HEADER_BYTES) {
      const bodyStart = start + HEADER_BYTES;
      const end = bodyStart + bytes.readUInt32BE(start);
      if (end > bytes.length) break;
      take(bytes.readUInt32BE(start + 4), bytes[start + 8] ?? END, bytes.toString("latin1", bodyStart, end));
      start = end;
    }
    rest = start < bytes.length ? bytes.subarray(start) : undefined;
  });
}
