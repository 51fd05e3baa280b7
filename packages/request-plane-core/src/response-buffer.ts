/**
 * What has arrived of one response and was not asked for yet. It is bounded: when it is full, the worker is made
 * to wait.
 */
import type { RequestPlaneError } from "./errors.ts";
import type { InBandReceiver, ReceivedForm, ResponseControl, ResponseSlot } from "./response-plane.ts";

/** Counted for each frame besides its bytes, so that many small frames fill the buffer too. */
const FRAME_OVERHEAD_BYTES = 64;

/** The body of a data frame, where it lies in what came from the socket. */
export interface Frame {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly form: ReceivedForm;
}

export type ResponseState = "waiting" | "open" | "ended" | "failed";

/** Bounds of one response, in bytes. */
export interface ResponseLimits {
  /** What may wait for its reader. */
  readonly bufferBytes: number;
  readonly maxFrameBytes: number;
}

/** Told of everything that happens: a frame, the opening, the end, a failure. */
export interface BufferReader {
  changed(): void;
}

export class ResponseBuffer implements InBandReceiver {
  readonly #limits: ResponseLimits;
  reader: BufferReader | undefined;
  /** The place that is kept open for the response, until it comes: abandoned when that failed or was cancelled. */
  slot: Pick<ResponseSlot, "abandon"> | undefined;
  /** Told when the peer has no in-band responses. */
  onDeclined: (() => void) | undefined;
  #frames: Frame[] = [];
  #next = 0;
  #heldBytes = 0;
  #control: ResponseControl | undefined;
  #paused = false;
  #state: ResponseState = "waiting";
  #isCompleted = false;
  #error: RequestPlaneError | undefined;

  constructor(limits: ResponseLimits) {
    this.#limits = limits;
  }

  get maxFrameBytes(): number {
    return this.#limits.maxFrameBytes;
  }

  get state(): ResponseState {
    return this.#state;
  }

  get error(): RequestPlaneError | undefined {
    return this.#error;
  }

  get isEmpty(): boolean {
    return this.#next === this.#frames.length;
  }

  /** The worker said that the response is whole, other than in a data frame. */
  get isCompleted(): boolean {
    return this.#isCompleted;
  }

  connected(control: ResponseControl): void {
    this.#control = control;
    this.slot = undefined;
    if (this.#state === "failed") control.kill();
  }

  declined(): void {
    this.#control = undefined;
    if (this.#state === "waiting") this.onDeclined?.();
  }

  opened(): void {
    if (this.#state !== "waiting") return;
    this.#state = "open";
    this.reader?.changed();
  }

  frame(bytes: Buffer, start: number, end: number, form: ReceivedForm): void {
    if (this.#state === "waiting") this.#state = "open";
    if (this.#state !== "open") return;
    const frame = { bytes, start, end, form };
    this.#frames.push(frame);
    this.#heldBytes += sizeOf(frame);
    if (this.#heldBytes > this.#limits.bufferBytes && !this.#paused) {
      this.#paused = true;
      this.#control?.pause();
    }
    // Only the first frame can be what somebody waits for.
    if (this.#frames.length - this.#next === 1) this.reader?.changed();
  }

  completed(): void {
    this.#isCompleted = true;
  }

  ended(): void {
    if (this.#state === "failed") return;
    this.#state = "ended";
    this.reader?.changed();
  }

  /** From the peer: frames that are here already are still good. */
  failed(error: RequestPlaneError): void {
    if (this.#state === "ended" || this.#state === "failed") return;
    this.#fail(error);
    this.reader?.changed();
  }

  /** The next frame, or `undefined` when none is here. */
  take(): Frame | undefined {
    const frame = this.#frames[this.#next];
    if (!frame) return undefined;
    this.#next += 1;
    if (this.#next === this.#frames.length) {
      // Emptied in place: most responses have one frame here at a time.
      this.#frames.length = 0;
      this.#next = 0;
    } else if (this.#next === 1024) {
      this.#frames = this.#frames.slice(this.#next);
      this.#next = 0;
    }
    this.#heldBytes -= sizeOf(frame);
    if (this.#paused && this.#heldBytes <= this.#limits.bufferBytes / 2) {
      this.#paused = false;
      this.#control?.resume();
    }
    return frame;
  }

  /** A frame that waits, `index` behind the next one. */
  peek(index: number): Frame | undefined {
    return this.#frames[this.#next + index];
  }

  /** Frames in place of one that was just taken. */
  putBack(frames: readonly Frame[]): void {
    this.#frames = [...frames, ...this.#frames.slice(this.#next)];
    this.#next = 0;
    for (const frame of frames) this.#heldBytes += sizeOf(frame);
  }

  stop(): void {
    this.#control?.stop();
  }

  /** From the caller: drops what is here and tells the worker to drop the rest. */
  cancel(error: RequestPlaneError): void {
    this.#drop();
    if (this.#state === "ended" || this.#state === "failed") return;
    this.#fail(error);
    this.#control?.kill();
    this.reader?.changed();
  }

  /** From the caller: it has all it wants. */
  finish(): void {
    this.#drop();
    if (this.#state === "open") this.#control?.kill();
    this.#state = "ended";
  }

  #drop(): void {
    this.#frames = NONE;
    this.#next = 0;
    this.#heldBytes = 0;
  }

  #fail(error: RequestPlaneError): void {
    this.#state = "failed";
    this.#error = error;
    this.slot?.abandon();
  }
}

function sizeOf({ start, end }: Frame): number {
  return end - start + FRAME_OVERHEAD_BYTES;
}

/** Of responses that are over: nothing is put in any more. */
const NONE: Frame[] = [];
