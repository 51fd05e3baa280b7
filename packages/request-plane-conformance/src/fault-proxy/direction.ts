import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { corrupted, delayOf, pieceBytesOf } from "./faults.ts";
import type { Cut, Faults } from "./faults.ts";

/** How often a direction that passes nothing on looks whether it may. */
const POLL_MS = 5;

export interface DirectionOptions {
  readonly source: Socket;
  readonly sink: Socket;
  /** Asked anew for each piece, so that faults can be changed at any time. */
  readonly faults: () => Faults;
  readonly onCut: (how: Cut["how"]) => void;
  /** Ends all waits. */
  readonly signal: AbortSignal;
}

/** Passes the bytes of one direction of one connection on, faults included. */
export class Direction {
  readonly #options: DirectionOptions;
  /** Bytes that were passed on. */
  #position = 0;

  constructor(options: DirectionOptions) {
    this.#options = options;
  }

  /** Resolves when nothing more is to be passed on. Rejects when one of the sockets breaks. */
  async run(): Promise<void> {
    const { source, sink, faults } = this.#options;
    for await (const chunk of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      for (let start = 0; start < chunk.length;) {
        await this.#opened();
        const end = Math.min(chunk.length, start + pieceBytesOf(faults()));
        if (await this.#pass(chunk.subarray(start, end))) return;
        start = end;
      }
    }
    await this.#opened();
    sink.end();
  }

  /** Whether the piece was the last one. */
  async #pass(piece: Buffer): Promise<boolean> {
    const { faults, signal, onCut } = this.#options;
    const delayMs = delayOf(faults(), piece.length);
    if (delayMs > 0) await sleep(delayMs, undefined, { signal });
    const { cut } = faults();
    const left = cut ? Math.max(0, cut.afterBytes - this.#position) : Infinity;
    await this.#write(corrupted(piece.subarray(0, Math.min(piece.length, left)), this.#position, faults()));
    if (!cut || piece.length < left) return false;
    onCut(cut.how);
    return true;
  }

  /** Resolves when the system has the bytes, so that a cut comes after them. */
  async #write(piece: Buffer): Promise<void> {
    if (piece.length === 0) return;
    this.#position += piece.length;
    await new Promise<void>((resolve, reject) => {
      this.#options.sink.write(piece, (error) => (error ? reject(error) : resolve()));
    });
  }

  async #opened(): Promise<void> {
    const { faults, signal } = this.#options;
    while (faults().blackHole) await sleep(POLL_MS, undefined, { signal });
  }
}
