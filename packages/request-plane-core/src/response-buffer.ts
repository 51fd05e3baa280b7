/**
 * What has arrived of one response and was not asked for yet. It is bounded: when it is full, the connection
 * is not read, so that the worker waits.
 */
import type { RequestPlaneError } from "./errors.ts";
import type { ResponseControl, ResponseReceiver } from "./response-plane.ts";

/** Counted for each frame besides its bytes, so that many small frames fill the buffer too. */
const FRAME_OVERHEAD_BYTES = 64;

interface Frame {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

export type ResponseState = "waiting" | "open" | "ended" | "failed";

export class ResponseBuffer implements ResponseReceiver {
  readonly #limitBytes: number;
  /** Told of everything that happens: a frame, the opening, the end, a failure. */
  onChange: () => void = () => undefined;
  /** Told once when the response failed or was cancelled, for whoever keeps a place open for it. */
  onFailed: () => void = () => undefined;
  #frames: Frame[] = [];
  #next = 0;
  #heldBytes = 0;
  #control: ResponseControl | undefined;
  #paused = false;
  #state: ResponseState = "waiting";
  #error: RequestPlaneError | undefined;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
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

  connected(control: ResponseControl): void {
    this.#control = control;
    if (this.#state === "failed") control.kill();
  }

  opened(): void {
    if (this.#state !== "waiting") return;
    this.#state = "open";
    this.onChange();
  }

  frame(bytes: Buffer, start: number, end: number): void {
    if (this.#state === "failed") return;
    this.#frames.push({ bytes, start, end });
    this.#heldBytes += end - start + FRAME_OVERHEAD_BYTES;
    if (this.#heldBytes > this.#limitBytes && !this.#paused) {
      this.#paused = true;
      this.#control?.pause();
    }
    // Only the first frame can be what somebody waits for.
    if (this.#frames.length - this.#next === 1) this.onChange();
  }

  ended(): void {
    if (this.#state === "failed") return;
    this.#state = "ended";
    this.onChange();
  }

  /** From the peer: frames that are here already are still good. */
  failed(error: RequestPlaneError): void {
    if (this.#state === "ended" || this.#state === "failed") return;
    this.#fail(error);
    this.onChange();
  }

  /** The text of the next frame, or `undefined` when none is here. */
  takeText(): string | undefined {
    const frame = this.#frames[this.#next];
    if (!frame) return undefined;
    this.#next += 1;
    if (this.#next === this.#frames.length) {
      this.#frames = [];
      this.#next = 0;
    } else if (this.#next === 1024) {
      this.#frames = this.#frames.slice(this.#next);
      this.#next = 0;
    }
    this.#heldBytes -= frame.end - frame.start + FRAME_OVERHEAD_BYTES;
    if (this.#paused && this.#heldBytes <= this.#limitBytes / 2) {
      this.#paused = false;
      this.#control?.resume();
    }
    return frame.bytes.toString("utf8", frame.start, frame.end);
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
    this.onChange();
  }

  /** From the caller: it has all it wants. */
  finish(): void {
    this.#drop();
    if (this.#state === "open") this.#control?.kill();
    this.#state = "ended";
  }

  #drop(): void {
    this.#frames = [];
    this.#next = 0;
    this.#heldBytes = 0;
  }

  #fail(error: RequestPlaneError): void {
    this.#state = "failed";
    this.#error = error;
    this.onFailed();
  }
}
