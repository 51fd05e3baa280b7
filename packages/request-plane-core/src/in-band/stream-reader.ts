import { RequestPlaneError } from "../errors.ts";
import type { FrameForm, InBandReceiver, ResponseControl } from "../response-plane.ts";
import { decodeFailure } from "../wire/response-frames.ts";
import { FRAME_HEAD_BYTES, StreamFrame } from "./stream-frames.ts";

/** Where frames for the worker are put. */
export interface ReaderOutput {
  /** A frame without a body. */
  empty(kind: number, stream: number): void;
  /** A frame whose body is a `u32`. */
  number(kind: number, stream: number, value: number): void;
}

export interface StreamReaderOptions {
  readonly id: number;
  readonly receiver: InBandReceiver;
  /** Of the worker, for errors. */
  readonly address: string;
  /** Bytes of items that the worker may send before it is given more. */
  readonly credit: number;
}

/** The caller's side of one stream: hands what the worker sends to the receiver, and gives the worker credit. */
export abstract class StreamReader implements ResponseControl {
  readonly id: number;
  readonly receiver: InBandReceiver;
  readonly address: string;
  readonly #fullCredit: number;
  /** What the worker may still send, and what came since it was last given more. */
  #credit: number;
  #received = 0;
  #output: ReaderOutput | undefined;
  #isStopped = false;
  #isPaused = false;
  #isOver = false;

  constructor({ id, receiver, address, credit }: StreamReaderOptions) {
    this.id = id;
    this.receiver = receiver;
    this.address = address;
    this.#fullCredit = credit;
    this.#credit = credit;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Called once, when the stream is over and before its receiver is told. */
  protected abstract forget(): void;

  /** From now on the worker can be told. */
  protected tellBy(output: ReaderOutput): void {
    this.#output = output;
    if (this.#isStopped) output.empty(StreamFrame.STOP, this.id);
  }

  stop(): void {
    if (this.#isStopped || this.#isOver) return;
    this.#isStopped = true;
    this.#output?.empty(StreamFrame.STOP, this.id);
  }

  kill(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#output?.empty(StreamFrame.KILL, this.id);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#giveCredit();
  }

  /** The worker is gone, or said so itself. */
  fail(error: RequestPlaneError): void {
    if (this.#isOver) return;
    this.#finish();
    this.receiver.failed(error.with({ address: this.address }));
  }

  /** Nothing more is wanted of the worker, which is told so. */
  reject(error: RequestPlaneError): void {
    if (this.#isOver) return;
    this.kill();
    this.receiver.failed(error.with({ address: this.address }));
  }

  /** `actual` is what has been announced so far, in bytes. */
  rejectTooLarge(actual: number): void {
    const limit = this.receiver.maxFrameBytes;
    const setting = "DYN_TCP_MAX_MESSAGE_SIZE";
    const message = `message too large: ${actual} bytes or more (max: ${limit} bytes, set by ${setting})`;
    this.reject(new RequestPlaneError("payload_too_large", message, { facts: { actual, limit, setting } }));
  }

  decline(): void {
    if (this.#isOver) return;
    this.#finish();
    this.receiver.declined();
  }

  /** A frame whose body is from `start` to `end`. Throws `protocol_error` for one that workers don't send. */
  frame(kind: number, bytes: Buffer, start: number, end: number): void {
    switch (kind) {
      case StreamFrame.ITEM:
        this.item(bytes, start, end, "item");
        return;
      case StreamFrame.ANNOTATED:
        this.item(bytes, start, end, "annotated");
        return;
      case StreamFrame.OPENED:
        this.receiver.opened();
        return;
      case StreamFrame.END:
        this.#finish();
        this.receiver.completed();
        this.receiver.ended();
        return;
      case StreamFrame.RESET:
        this.#finish();
        this.receiver.opened();
        this.receiver.ended();
        return;
      case StreamFrame.FAILED:
        this.fail(decodeFailure(bytes.toString("utf8", start, end)));
        return;
      default:
        throw new RequestPlaneError("protocol_error", `The worker sent a frame of kind ${kind}`);
    }
  }

  protected item(bytes: Buffer, start: number, end: number, form: FrameForm): void {
    if (!this.mayTake()) return;
    this.count(end - start);
    this.deliver(bytes, start, end, form);
  }

  /** Whether the worker may send an item. Otherwise the stream is over. */
  protected mayTake(): boolean {
    if (this.#credit > 0) return true;
    this.reject(new RequestPlaneError("protocol_error", "The worker sent more than it may"));
    return false;
  }

  /** The body of a frame, with its head, counts against the credit. */
  protected count(bodyBytes: number): void {
    const cost = FRAME_HEAD_BYTES + bodyBytes;
    this.#credit -= cost;
    this.#received += cost;
  }

  protected deliver(bytes: Buffer, start: number, end: number, form: FrameForm): void {
    this.receiver.frame(bytes, start, end, form);
    this.#giveCredit();
  }

  /** Half at a time, and not while the reader is behind. */
  #giveCredit(): void {
    if (this.#isPaused || this.#isOver || this.#received < this.#fullCredit / 2) return;
    this.#output?.number(StreamFrame.CREDIT, this.id, this.#received);
    this.#credit += this.#received;
    this.#received = 0;
  }

  #finish(): void {
    this.#isOver = true;
    this.forget();
  }
}
