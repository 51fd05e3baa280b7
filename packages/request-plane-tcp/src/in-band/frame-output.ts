/**
 * In-band frames on their way out: those of one tick are encoded into one buffer and leave in one system call.
 */
import type { Socket } from "node:net";
import {
  FRAME_HEAD_BYTES,
  roomFor,
  SpareBuffers,
  TWO_PART_PREFIX_BYTES,
  writeTwoPartPrefix,
} from "@dynamo/request-plane-core";
import type { InBandRequest, StreamOutput } from "@dynamo/request-plane-core";
import { FrameKind } from "./frames.ts";
import { FIXED_BYTES } from "./request-body.ts";

/** What stands in front of an envelope. */
export interface RequestHead {
  readonly credit: number;
  readonly path: Buffer;
  readonly headers: string;
}

/** From here on the buffer is written before it grows, and pieces of this size are not copied into it. */
const FULL_BYTES = 128 * 1024;

/** For all connections of a client or server. */
export function outputBuffers(): SpareBuffers {
  return new SpareBuffers(2 * FULL_BYTES, 4);
}

const NOTHING: Buffer = Buffer.alloc(0);

export class FrameOutput implements StreamOutput {
  readonly #socket: Socket;
  /** Called before each write, for what is to leave with it. */
  readonly #beforeWrite: () => void;
  readonly #spare: SpareBuffers;
  /** There as long as something is in it. */
  #buffer: Buffer = NOTHING;
  #used = 0;
  #isHeld = false;
  #isScheduled = false;

  constructor(socket: Socket, spare: SpareBuffers, beforeWrite: () => void) {
    this.#socket = socket;
    this.#spare = spare;
    this.#beforeWrite = beforeWrite;
  }

  /** Bytes that the system has not taken yet. */
  get waitingBytes(): number {
    return this.#used + this.#socket.writableLength;
  }

  /** Nothing leaves until `release`. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.#schedule();
  }

  /** A frame without a body. */
  empty(kind: number, stream: number): void {
    const at = this.#reserve(FRAME_HEAD_BYTES);
    this.#writeHead(at, kind, stream, 0);
    this.#used = at + FRAME_HEAD_BYTES;
    this.#written();
  }

  number(kind: number, stream: number, value: number): void {
    const at = this.#reserve(FRAME_HEAD_BYTES + 4);
    this.#writeHead(at, kind, stream, 4);
    this.#used = this.#buffer.writeUInt32BE(value, at + FRAME_HEAD_BYTES);
    this.#written();
  }

  /** A frame whose body is text or bytes. Gives the bytes it takes, with its head. */
  body(kind: number, stream: number, body: string | Uint8Array): number {
    if (typeof body !== "string") {
      this.#writeHead(this.#reserve(FRAME_HEAD_BYTES), kind, stream, body.length);
      this.#used += FRAME_HEAD_BYTES;
      if (body.length >= FULL_BYTES && !this.#isHeld) this.#writeThrough(body);
      else this.#copy(body);
      this.#written();
      return FRAME_HEAD_BYTES + body.length;
    }
    const start = this.#reserve(FRAME_HEAD_BYTES + roomFor(body));
    const bytes = this.#buffer.write(body, start + FRAME_HEAD_BYTES);
    this.#writeHead(start, kind, stream, bytes);
    this.#used = start + FRAME_HEAD_BYTES + bytes;
    this.#written();
    return FRAME_HEAD_BYTES + bytes;
  }

  /** A request; `path` and `headers` are encoded already. */
  request(stream: number, { credit, path, headers }: RequestHead, { control, payload }: InBandRequest): void {
    const isLarge = typeof payload !== "string" && payload.length >= FULL_BYTES && !this.#isHeld;
    const head = this.#reserve(
      FRAME_HEAD_BYTES +
        FIXED_BYTES +
        path.length +
        roomFor(headers) +
        roomFor(control) +
        (isLarge ? 0 : roomFor(payload)),
    );
    const buffer = this.#buffer;
    let at = buffer.writeUInt32BE(credit, head + FRAME_HEAD_BYTES);
    at = buffer.writeUInt16BE(path.length, at);
    buffer.set(path, at);
    at += path.length;
    const headersBytes = headers === "" ? 0 : buffer.write(headers, at + 2);
    at = buffer.writeUInt16BE(headersBytes, at) + headersBytes;
    const controlStart = at + TWO_PART_PREFIX_BYTES;
    const controlBytes = buffer.write(control, controlStart);
    const payloadStart = controlStart + controlBytes;
    const payloadBytes = typeof payload === "string" ? buffer.write(payload, payloadStart) : payload.length;
    writeTwoPartPrefix(buffer, at, controlBytes, payloadBytes);
    this.#writeHead(head, FrameKind.REQUEST, stream, payloadStart + payloadBytes - head - FRAME_HEAD_BYTES);
    this.#used = payloadStart;
    if (typeof payload === "string") this.#used += payloadBytes;
    else if (isLarge) this.#writeThrough(payload);
    else this.#copy(payload);
    this.#written();
  }

  /** Writes what there is, unless it is held. */
  readonly flush = (): void => {
    if (!this.#isHeld) this.#beforeWrite();
    this.#isScheduled = false;
    if (this.#isHeld || this.#used === 0) return;
    const buffer = this.#buffer;
    this.#socket.write(buffer.subarray(0, this.#used));
    this.#buffer = NOTHING;
    this.#used = 0;
    // Taken by the system at once in most cases; what is not belongs to the socket now.
    if (this.#socket.writableLength === 0) this.#spare.give(buffer);
  };

  #writeHead(at: number, kind: number, stream: number, bytes: number): void {
    const buffer = this.#buffer;
    buffer.writeUInt32BE(bytes, at);
    buffer.writeUInt32BE(stream, at + 4);
    buffer[at + 8] = kind;
  }

  #copy(piece: Uint8Array): void {
    this.#reserve(piece.length);
    this.#buffer.set(piece, this.#used);
    this.#used += piece.length;
  }

  #writeThrough(piece: Uint8Array): void {
    this.#socket.write(this.#buffer.subarray(0, this.#used));
    this.#buffer = NOTHING;
    this.#used = 0;
    this.#socket.write(piece);
  }

  #written(): void {
    if (this.#used >= FULL_BYTES && !this.#isHeld) this.flush();
    else if (!this.#isScheduled) this.#schedule();
  }

  /** Something is to be written at the end of this tick, if only by `beforeWrite`. */
  schedule(): void {
    if (!this.#isScheduled) this.#schedule();
  }

  #schedule(): void {
    if (this.#isHeld) return;
    this.#isScheduled = true;
    process.nextTick(this.flush);
  }

  /** Gives where they go. */
  #reserve(bytes: number): number {
    const needed = this.#used + bytes;
    if (needed <= this.#buffer.length) return this.#used;
    const larger = this.#spare.take(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#used);
    this.#buffer = larger;
    return this.#used;
  }
}
