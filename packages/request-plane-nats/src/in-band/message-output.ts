/** Frames on their way out: those of one tick leave in one message, or in as few as the server's limit allows. */
import { FRAME_HEAD_BYTES } from "@dynamo/request-plane-core";
import type { StreamOutput } from "@dynamo/request-plane-core";
import type { NatsConnection } from "@nats-io/transport-node";
import { FrameKind, MESSAGE_HEAD_BYTES } from "./frames.ts";

export interface MessageOutputOptions {
  /** Of a message. */
  readonly maxBytes: number;
  /** See `MESSAGE_HEAD_BYTES`: how often we are heard while streams are open. */
  readonly intervalMs: number;
  /** The bytes are the publisher's to keep. */
  publish(message: Buffer): void;
}

/** From here on a message leaves before the end of the tick. */
const FULL_BYTES = 128 * 1024;
const LEAST_BYTES = 256;

/** Bytes that a message may have. */
export function maxMessageBytes({ info }: NatsConnection): number {
  return Math.max(LEAST_BYTES, Math.min(info?.max_payload ?? FULL_BYTES, FULL_BYTES));
}

const INITIAL_BYTES = 4 * 1024;
/** Larger messages are given away with their buffer instead of being copied out of it. */
const COPIED_BYTES = 16 * 1024;

export class MessageOutput implements StreamOutput {
  readonly #options: MessageOutputOptions;
  /** Called before each write at the end of a tick, for what is to leave with it. */
  readonly #beforeFlush: () => void;
  #buffer: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  #used = MESSAGE_HEAD_BYTES;
  #sequence = 0;
  #isScheduled = false;
  #isClosed = false;
  #hasSent = false;

  constructor(options: MessageOutputOptions, beforeFlush: () => void) {
    this.#options = options;
    this.#beforeFlush = beforeFlush;
  }

  /** A frame without a body. */
  empty(kind: number, stream: number): void {
    this.#head(kind, stream, 0);
  }

  number(kind: number, stream: number, value: number): void {
    const at = this.#head(kind, stream, 4);
    this.#buffer.writeUInt32BE(value, at);
  }

  /** A frame whose body is text or bytes, in pieces if it must be. Gives the bytes it takes, heads included. */
  body(kind: number, stream: number, body: string | Uint8Array): number {
    const room = this.#options.maxBytes - this.#used - FRAME_HEAD_BYTES;
    if (typeof body === "string" && body.length * 3 <= room) return this.#text(kind, stream, body);
    const bytes = typeof body === "string" ? Buffer.from(body) : body;
    const largest = this.#options.maxBytes - MESSAGE_HEAD_BYTES - FRAME_HEAD_BYTES;
    let start = 0;
    let total = 0;
    for (; bytes.length - start > largest; start += largest)
      total += this.#bytes(FrameKind.PART, stream, bytes.subarray(start, start + largest));
    return total + this.#bytes(kind, stream, start === 0 ? bytes : bytes.subarray(start));
  }

  /** Something is to be written at the end of this tick, if only by `beforeFlush`. */
  schedule(): void {
    if (this.#isScheduled || this.#isClosed) return;
    this.#isScheduled = true;
    process.nextTick(this.#flushTick);
  }

  /** Publishes what there is. */
  flush(): void {
    if (this.#used > MESSAGE_HEAD_BYTES) this.#publish();
  }

  /** Says that we are there, unless that was to be heard since the last time. */
  beat(): void {
    if (!this.#hasSent) this.#publish();
    this.#hasSent = false;
  }

  /** Nothing leaves any more. */
  close(): void {
    this.#isClosed = true;
  }

  readonly #flushTick = (): void => {
    this.#beforeFlush();
    this.#isScheduled = false;
    this.flush();
  };

  #text(kind: number, stream: number, text: string): number {
    const start = this.#reserve(FRAME_HEAD_BYTES + text.length * 3);
    const bytes = this.#buffer.write(text, start + FRAME_HEAD_BYTES);
    this.#writeHead(start, kind, stream, bytes);
    return FRAME_HEAD_BYTES + bytes;
  }

  #bytes(kind: number, stream: number, bytes: Uint8Array): number {
    const start = this.#reserve(FRAME_HEAD_BYTES + bytes.length);
    this.#buffer.set(bytes, start + FRAME_HEAD_BYTES);
    this.#writeHead(start, kind, stream, bytes.length);
    return FRAME_HEAD_BYTES + bytes.length;
  }

  #head(kind: number, stream: number, bytes: number): number {
    const start = this.#reserve(FRAME_HEAD_BYTES + bytes);
    this.#writeHead(start, kind, stream, bytes);
    return start + FRAME_HEAD_BYTES;
  }

  #writeHead(at: number, kind: number, stream: number, bytes: number): void {
    const buffer = this.#buffer;
    buffer.writeUInt32BE(bytes, at);
    buffer.writeUInt32BE(stream, at + 4);
    buffer[at + 8] = kind;
    this.#used = at + FRAME_HEAD_BYTES + bytes;
    this.schedule();
  }

  /** Gives where so many bytes go, in the next message if this one has no room. */
  #reserve(bytes: number): number {
    if (this.#used + bytes > this.#options.maxBytes) this.flush();
    const needed = this.#used + bytes;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(
        Math.max(needed, Math.min(this.#buffer.length * 2, this.#options.maxBytes)),
      );
      this.#buffer.copy(larger, 0, 0, this.#used);
      this.#buffer = larger;
    }
    return this.#used;
  }

  #publish(): void {
    const used = this.#used;
    this.#used = MESSAGE_HEAD_BYTES;
    if (this.#isClosed) return;
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#buffer.writeUInt32BE(this.#sequence, 0);
    this.#buffer.writeUInt32BE(this.#options.intervalMs, 4);
    const filled = this.#buffer.subarray(0, used);
    const isCopied = used <= COPIED_BYTES;
    if (!isCopied) this.#buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
    this.#hasSent = true;
    this.#options.publish(isCopied ? Buffer.from(filled) : filled);
  }
}
