/**
 * Turns what arrives of one response into items, and says when it is over. The state machine behind
 * `ResponseStream`.
 *
 * Source of the rules of ending: wire-protocol notes, sections 5.2 and 5.5.
 */
import { errorOfItem, isErrorItem } from "./annotated.ts";
import type { Annotated, JsonItem } from "./annotated.ts";
import { RequestPlaneError } from "./errors.ts";
import type { Deadline, DeadlineQueue } from "./deadline-queue.ts";
import { decodeAhead } from "./decode-ahead.ts";
import { decodeEncodedFrame, decodeFrame, jsonOfData, jsonOfFrame } from "./frame-codec.ts";
import { decodeItems, framesOfItems, textsOfItems } from "./items-frame.ts";
import { encodeJson } from "./payload-codec.ts";
import type { PayloadCodec } from "./payload-codec.ts";
import { ReadyItems } from "./ready-items.ts";
import type { BufferReader, Frame, ResponseBuffer } from "./response-buffer.ts";
import { deadlineExceeded } from "./timeouts.ts";
import type { Timeouts } from "./timeouts.ts";
import type { DeadlinePhase } from "./errors.ts";
import type { Waiter, Waits } from "./waits.ts";

/** No item is here yet. */
export const WAIT: unique symbol = Symbol("wait");
/** The response is over and was whole. */
export const END: unique symbol = Symbol("end");

/** How long a worker that said that all is done may take to close. */
const CLOSING_MS = 1_000;

/** Whoever asked for the response. */
export interface ReaderOwner {
  /** The first item is here, or the end of a response without any. */
  opened(): void;
  /** The response is over; with an error when it was not whole. Called once, before `opened` if that is due. */
  closed(error: RequestPlaneError | undefined): void;
}

/** What a response is bounded by. */
export interface ReaderBounds {
  readonly timeouts: Timeouts;
  readonly waits: Waits;
}

export class ResponseReader<T> implements BufferReader, Waiter {
  readonly #buffer: ResponseBuffer;
  readonly #bounds: ReaderBounds;
  readonly #owner: ReaderOwner;
  /** That of the request; `undefined` for JSON. */
  codec: PayloadCodec | undefined;
  /** Items are decoded several at a time. */
  #decodesAhead = true;
  #acknowledged = false;
  #isOpening = false;
  #begun = false;
  /** The item that `open` waited for, and the frame it came in, which may hold more. */
  #first: Annotated<T> | undefined;
  #firstFrame: Frame | undefined;
  /** Decoded together, and no more than data. */
  readonly #ready = new ReadyItems();
  #stopped = false;
  /** The worker said that the response is whole; what is missing is that it closes. */
  #complete = false;
  #closed = false;
  #untold: RequestPlaneError | undefined;
  /** Told once when there may be something to take. */
  #wake: (() => void) | undefined;
  /** What is waited for, and where the wait is bounded. `end` is the wait for the connection to close. */
  #phase: DeadlinePhase | "end" = "establish";
  #queue: DeadlineQueue<Waiter> | undefined;
  #wait: Deadline<Waiter> | undefined;

  constructor(buffer: ResponseBuffer, bounds: ReaderBounds, owner: ReaderOwner) {
    this.#buffer = buffer;
    this.#bounds = bounds;
    this.#owner = owner;
    buffer.reader = this;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** From now on the owner is told. */
  open(): void {
    this.#isOpening = true;
    this.#tryToOpen();
  }

  /** The worker accepted the request, and is to begin now. */
  acknowledged(): void {
    this.#acknowledged = true;
    this.changed();
  }

  /** The request did not arrive, or was refused. It is no matter when the worker has begun all the same. */
  undelivered(error: RequestPlaneError): void {
    if (this.#buffer.state === "waiting") this.cancel(error);
  }

  /** Calls back once when there may be something to take, or when waiting has become an error. */
  wait(wake: () => void): void {
    this.#wake = wake;
    this.#watch();
  }

  /** The next item if it is here. Throws once the error that ended the response; then it is `END`. */
  take(): Annotated<T> | typeof END | typeof WAIT {
    const first = this.#first;
    this.#first = this.#firstFrame = undefined;
    if (first) return first;
    for (;;) {
      if (!this.#ready.isEmpty) return { data: this.#ready.take() as T };
      const frame = this.#nextFrame();
      if (typeof frame === "symbol") return frame;
      if (this.#decodeTogether(frame)) continue;
      const item = this.#decode(frame);
      if (item) return item;
    }
  }

  /** The data of the next item that has any. */
  takeData(): T | typeof END | typeof WAIT {
    for (;;) {
      if (!this.#first && !this.#ready.isEmpty) return this.#ready.take() as T;
      const item = this.take();
      if (item === END || item === WAIT) return item;
      if (item.data !== undefined) return item.data;
    }
  }

  /** Like {@link take}, but as JSON text, taken as it came where that can be. */
  takeJson(): JsonItem | typeof END | typeof WAIT {
    for (;;) {
      const first = this.#first;
      const firstFrame = this.#firstFrame;
      this.#first = this.#firstFrame = undefined;
      if (!firstFrame && !this.#ready.isEmpty) return this.#ready.take() as string;
      const frame = firstFrame ?? this.#nextFrame();
      if (typeof frame === "symbol") return frame;
      if (this.#separate(frame)) continue;
      const json = this.#complete || this.codec ? undefined : jsonOfFrame(frame);
      if (json !== undefined) return json;
      const item = first ?? this.#decode(frame);
      if (item) return this.#asJson(item, frame);
    }
  }

  /** Throws this when it is next asked for something. The response is over already. */
  postpone(error: RequestPlaneError): void {
    this.#untold = error;
  }

  stop(): void {
    this.#stopped = true;
    this.#buffer.stop();
  }

  /** Kills the request at the worker; whoever waits for an item gets the error. Nothing after the end. */
  cancel(error: RequestPlaneError): void {
    this.#first = this.#firstFrame = undefined;
    this.#ready.clear();
    if (this.#closed) return;
    const isAwaited = this.#isOpening || this.#wake !== undefined;
    this.#buffer.cancel(error);
    if (isAwaited) return;
    this.#untold = error;
    this.#close(error);
  }

  expired(limitMs: number): void {
    this.#wait = undefined;
    if (this.#phase !== "end") {
      this.#buffer.cancel(deadlineExceeded(this.#phase, limitMs));
      return;
    }
    // The response is whole, but a worker that doesn't close has to be told to.
    this.#buffer.finish();
    this.changed();
  }

  /** Something happened in the buffer. */
  changed(): void {
    if (this.#isOpening) {
      this.#tryToOpen();
      return;
    }
    const wake = this.#wake;
    if (!wake) return;
    this.#wake = undefined;
    this.#rest();
    wake();
  }

  #tryToOpen(): void {
    this.#rest();
    try {
      const first = this.take();
      if (first === WAIT) {
        this.#watch();
        return;
      }
      this.#isOpening = false;
      if (first !== END) this.#first = first;
      else this.#firstFrame = undefined;
    } catch {
      // The owner was told of it.
      return;
    }
    this.#owner.opened();
  }

  /** A frame that is here, or what there is instead. Throws once the error that ended the response. */
  #nextFrame(): Frame | typeof END | typeof WAIT {
    if (this.#closed) return this.#afterwards();
    const frame = this.#buffer.take();
    if (frame) return frame;
    const { state } = this.#buffer;
    if (state === "open" || state === "waiting") return WAIT;
    if (this.#complete || this.#buffer.isCompleted) return this.#finish();
    if (state === "failed") return this.#fail(this.#buffer.error ?? truncated());
    // After a stop of ours the worker need not come to its natural end.
    return this.#stopped ? this.#finish() : this.#fail(truncated());
  }

  /** A response that was cancelled while nobody waited must not look as if it had been whole. */
  #afterwards(): typeof END {
    const error = this.#untold;
    this.#untold = undefined;
    if (error) throw error;
    return END;
  }

  /** The item of a frame, or `undefined` for the mark that the response is whole. */
  #decode(frame: Frame): Annotated<T> | undefined {
    try {
      if (this.#complete) throw protocolError("Data after the end of the response");
      const { data, complete_final: final } = this.codec
        ? decodeEncodedFrame<T>(frame, this.codec)
        : decodeFrame<T>(frame);
      if (final === true) this.#complete = true;
      if (typeof data !== "object" || data === null) {
        if (this.#complete) return undefined;
        throw protocolError("Empty frame in the response");
      }
      if (isErrorItem(data)) throw errorOfItem(data);
      this.#begun = true;
      if (this.#isOpening) this.#firstFrame = frame;
      return data;
    } catch (error) {
      return this.#fail(RequestPlaneError.from(error));
    }
  }

  /** Decodes a frame with several items, or with what is behind it. `false` when it has to be decoded alone. */
  #decodeTogether(frame: Frame): boolean {
    if (this.#complete || this.codec) return false;
    if (frame.form === "items") {
      const items = decodeItems(frame);
      if (items) this.#putReady(items, frame);
      else this.#decodeOneByOne(frame);
      return true;
    }
    // Not the first item, which somebody may want as it came.
    if (!this.#begun || !this.#decodesAhead) return false;
    const items = decodeAhead(frame, this.#buffer);
    this.#decodesAhead = items !== undefined;
    if (items) this.#ready.fill(items);
    return !this.#ready.isEmpty;
  }

  #putReady(items: readonly unknown[], frame: Frame): void {
    this.#ready.fill(items);
    this.#begun = true;
    if (this.#isOpening) this.#firstFrame = frame;
  }

  /** So that those before the one that is no JSON are handed out. */
  #decodeOneByOne(frame: Frame): void {
    this.#decodesAhead = false;
    try {
      this.#buffer.putBack(framesOfItems(frame));
    } catch (error) {
      this.#fail(RequestPlaneError.from(error));
    }
  }

  /** Whether these are several items, whose texts are ready then. */
  #separate(frame: Frame): boolean {
    if (frame.form !== "items" || this.#complete || this.codec) return false;
    try {
      this.#ready.fill(textsOfItems(frame));
      this.#begun = true;
      return true;
    } catch (error) {
      return this.#fail(RequestPlaneError.from(error));
    }
  }

  #asJson({ data, ...rest }: Annotated<T>, frame: Frame): JsonItem {
    if (data === undefined) return rest;
    const json = this.codec ? encodeJson(data) : jsonOfData(frame);
    return rest.event === undefined && rest.comment === undefined ? json : { ...rest, data: json };
  }

  #finish(): typeof END {
    this.#close(undefined);
    return END;
  }

  #fail(error: RequestPlaneError): never {
    this.#close(error);
    throw error;
  }

  #close(error: RequestPlaneError | undefined): void {
    this.#closed = true;
    this.#isOpening = false;
    this.#rest();
    if (error) this.#buffer.cancel(error);
    else this.#buffer.finish();
    this.#owner.closed(error);
  }

  #watch(): void {
    const { establishMs, firstItemMs, betweenItemsMs } = this.#bounds.timeouts;
    if (this.#complete) this.#watchPhase("end", CLOSING_MS);
    else if (this.#begun) this.#watchPhase("between_items", betweenItemsMs);
    else if (this.#buffer.state === "open") this.#watchPhase("first_item", firstItemMs);
    else if (this.#acknowledged) this.#watchPhase("establish", establishMs);
  }

  #watchPhase(phase: DeadlinePhase | "end", limitMs: number): void {
    if (limitMs <= 0) return;
    this.#phase = phase;
    this.#queue = this.#bounds.waits.ofLength(limitMs);
    this.#wait = this.#queue.add(this);
  }

  #rest(): void {
    if (!this.#wait) return;
    this.#queue?.delete(this.#wait);
    this.#wait = undefined;
  }
}

function truncated(): RequestPlaneError {
  return new RequestPlaneError("disconnected", "Stream ended before generation completed");
}

function protocolError(message: string): RequestPlaneError {
  return new RequestPlaneError("protocol_error", message);
}
