import { RequestPlaneError } from "../errors.ts";
import type { Controlled, FrameForm, OnOver, ResponseWriter } from "../response-plane.ts";
import { encodePrologue } from "../wire/response-frames.ts";
import { creditIn, impossibleCredit, MAX_CREDIT, StreamFrame } from "./stream-frames.ts";

/** Where the frames of all streams of a connection are put. */
export interface StreamOutput {
  /** A frame without a body. */
  empty(kind: number, stream: number): void;
  /** A frame whose body is text or bytes. Gives the bytes it takes, with its head. */
  body(kind: number, stream: number, body: string | Uint8Array): number;
}

/** What a stream needs of its connection. */
export interface WriterCarrier {
  readonly output: StreamOutput;
  /** No more is taken at the moment, whatever the caller allows. */
  readonly isCongested: boolean;
  /** The stream is to be asked to `open` before the next write to the connection, at the end of the tick at the latest. */
  opening(stream: StreamWriter): void;
  /** The stream is to be asked again when more is taken. */
  waiting(stream: StreamWriter): void;
  /** The stream is over. */
  forget(stream: StreamWriter): void;
}

/** The worker's side of one stream: where its response is written, as far as the caller's credit goes. */
export class StreamWriter implements ResponseWriter {
  readonly framing = "bare";
  readonly id: number;
  controlled: Controlled | undefined;
  readonly #carrier: WriterCarrier;
  #credit: number;
  #hasWritten = false;
  #isStopped = false;
  #isOver = false;
  #lost: RequestPlaneError | undefined;
  #wake: (() => void) | undefined;

  constructor(id: number, credit: number, carrier: WriterCarrier) {
    this.id = id;
    this.#credit = credit;
    this.#carrier = carrier;
  }

  prologue(error?: RequestPlaneError): void {
    if (this.#isOver) return;
    if (error) this.#end(StreamFrame.FAILED, encodePrologue(error));
    else this.#carrier.opening(this);
  }

  /** Says that the request is accepted, unless something was written that says so. */
  open(): void {
    if (this.#hasWritten || this.#isOver) return;
    this.#hasWritten = true;
    this.#carrier.output.empty(StreamFrame.OPENED, this.id);
  }

  write(body: string | Uint8Array, form: FrameForm = "item"): boolean {
    if (this.#isOver) return true;
    this.#hasWritten = true;
    const kind = form === "item" ? StreamFrame.ITEM : StreamFrame.ANNOTATED;
    this.#credit -= this.#carrier.output.body(kind, this.id, body);
    return this.#hasRoom;
  }

  drained(): Promise<void> {
    if (this.#hasRoom) return DONE;
    this.#carrier.waiting(this);
    return new Promise((resolve) => (this.#wake = resolve));
  }

  end(onOver: OnOver): void {
    if (!this.#isOver) this.#end(StreamFrame.END);
    onOver(this.#lost);
  }

  abort(): void {
    if (!this.#isOver) this.#end(StreamFrame.RESET);
  }

  /**
   * Takes a frame of the caller's, from `start` to `end`. Gives whether it had anything to say. Throws
   * `protocol_error` for one that callers don't send on a stream.
   */
  control(kind: number, bytes: Buffer, start: number, end: number): boolean {
    switch (kind) {
      case StreamFrame.STOP:
        return this.#stop();
      case StreamFrame.KILL:
        this.lose(new RequestPlaneError("disconnected", "The caller wants no more"));
        return true;
      case StreamFrame.CREDIT:
        this.#credit += creditIn(bytes, start, end);
        this.wakeIfRoom();
        if (this.#credit > MAX_CREDIT) throw impossibleCredit();
        return true;
      default:
        throw new RequestPlaneError("protocol_error", `The caller sent a frame of kind ${kind}`);
    }
  }

  /** The caller is gone, or wants no more. */
  lose(error: RequestPlaneError): void {
    if (this.#isOver) return;
    this.#lost = error;
    this.#close();
    this.controlled?.control("kill");
  }

  /** Gives whether the stream is not waiting any more. */
  wakeIfRoom(): boolean {
    if (!this.#hasRoom) return false;
    this.#wake?.();
    this.#wake = undefined;
    return true;
  }

  get #hasRoom(): boolean {
    return this.#isOver || (this.#credit > 0 && !this.#carrier.isCongested);
  }

  #stop(): boolean {
    if (this.#isStopped) return false;
    this.#isStopped = true;
    this.controlled?.control("stop");
    return true;
  }

  #end(kind: number, text?: string): void {
    const { output } = this.#carrier;
    if (text === undefined) output.empty(kind, this.id);
    else output.body(kind, this.id, text);
    this.#close();
  }

  #close(): void {
    this.#isOver = true;
    this.#carrier.forget(this);
    this.wakeIfRoom();
  }
}

const DONE = Promise.resolve();
