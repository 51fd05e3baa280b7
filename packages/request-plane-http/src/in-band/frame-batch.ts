import { ITEMS_HEAD_BYTES, roomFor } from "@dynamo/request-plane-core";
import type { SpareBuffers } from "@dynamo/request-plane-core";
import { BodyFrame, HEAD_BYTES } from "./frames.ts";

/** A longer text has a frame of its own, so that no frame of several items gets as large as `MAX_ITEMS_BYTES`. */
const MOST_CHARACTERS = 16 * 1024;

/** What a frame of several items has in front of the first one, besides what a frame of one has. */
const ITEMS_PREFIX_BYTES = ITEMS_HEAD_BYTES + 1;

/** The frames of one tick, encoded as they come. Items that follow each other share a frame. */
export class FrameBatch {
  readonly #spare: SpareBuffers;
  /** There as long as something is in it. */
  #buffer: Buffer = NOTHING;
  #used = 0;
  /** The last frame, where more items may be put into it: how many are there, and where it begins. */
  #items = 0;
  #itemsStart = 0;

  constructor(spare: SpareBuffers) {
    this.#spare = spare;
  }

  get bytes(): number {
    return this.#used;
  }

  /** One item: JSON text, or bytes in another codec. */
  item(body: string | Uint8Array): void {
    const mayShare = typeof body === "string" && body.length <= MOST_CHARACTERS;
    if (mayShare && this.#items > 0) {
      this.#add(body);
      return;
    }
    this.frame(BodyFrame.ITEM, body);
    if (mayShare) this.#items = 1;
  }

  frame(kind: BodyFrame, body: string | Uint8Array): void {
    this.#seal();
    const start = this.#reserve(HEAD_BYTES + roomFor(body));
    this.#itemsStart = start;
    this.#write(body, start + HEAD_BYTES);
    this.#writeHead(start, kind);
  }

  /** Empties the batch. */
  take(): Buffer {
    this.#seal();
    const bytes = Buffer.from(this.#buffer.subarray(0, this.#used));
    this.#spare.give(this.#buffer);
    this.#buffer = NOTHING;
    this.#used = 0;
    return bytes;
  }

  #add(body: string): void {
    if (this.#items === 1) this.#makeRoomForPrefix();
    const at = this.#reserve(2 + roomFor(body));
    this.#buffer[at] = COMMA;
    this.#buffer[at + 1] = LINE_FEED;
    this.#write(body, at + 2);
    this.#items += 1;
  }

  #makeRoomForPrefix(): void {
    const end = this.#reserve(ITEMS_PREFIX_BYTES);
    const first = this.#itemsStart + HEAD_BYTES;
    this.#buffer.copyWithin(first + ITEMS_PREFIX_BYTES, first, end);
    this.#used = end + ITEMS_PREFIX_BYTES;
  }

  /** Nothing more is put into the last frame. */
  #seal(): void {
    const items = this.#items;
    this.#items = 0;
    if (items < 2) return;
    const end = this.#reserve(1);
    this.#used = this.#buffer.writeUInt8(BRACKET_END, end);
    const start = this.#itemsStart;
    this.#writeHead(start, BodyFrame.ITEMS);
    this.#buffer.writeUInt8(BRACKET, this.#buffer.writeUInt32BE(items, start + HEAD_BYTES));
  }

  /** Of a frame that ends where the batch does. */
  #writeHead(start: number, kind: BodyFrame): void {
    const bodyBytes = this.#used - start - HEAD_BYTES;
    this.#buffer.writeUInt8(kind, this.#buffer.writeUInt32BE(bodyBytes, start));
  }

  #write(body: string | Uint8Array, at: number): void {
    if (typeof body === "string") this.#used = at + this.#buffer.write(body, at);
    else {
      this.#buffer.set(body, at);
      this.#used = at + body.length;
    }
  }

  /** Gives where they go. */
  #reserve(bytes: number): number {
    const needed = this.#used + bytes;
    if (needed <= this.#buffer.length) return this.#used;
    const larger = this.#spare.take(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#used);
    this.#spare.give(this.#buffer);
    this.#buffer = larger;
    return this.#used;
  }
}

const NOTHING: Buffer = Buffer.alloc(0);
const LINE_FEED = 0x0a;
const COMMA = 0x2c;
const BRACKET = 0x5b;
const BRACKET_END = 0x5d;
