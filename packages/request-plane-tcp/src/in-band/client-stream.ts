import { decodeFailure, FRAME_HEAD_BYTES, kindAt, RequestPlaneError } from "@dynamo/request-plane-core";
import type { Deadline, FrameForm, InBandReceiver, ResponseControl } from "@dynamo/request-plane-core";
import { refusalOf } from "../reply-frame.ts";
import { FrameKind, INITIAL_CREDIT } from "./frames.ts";

/** What a stream needs of its connection. */
export interface StreamCarrier {
  readonly address: string;
  stop(stream: ClientStream): void;
  /** Forgets the stream and tells the worker. */
  kill(stream: ClientStream): void;
  grant(stream: ClientStream, bytes: number): void;
}

/** The caller's side of one request and its response. Forgotten by its connection as soon as it is over. */
export class ClientStream implements ResponseControl {
  readonly id: number;
  readonly receiver: InBandReceiver;
  readonly #carrier: StreamCarrier;
  /** Of the wait for the worker to accept the request. */
  deadline: Deadline<ClientStream> | undefined;
  /** What the connection had heard when this was sent. */
  sentAt = 0;
  isOver = false;
  #isStopped = false;
  #isPaused = false;
  /** What the worker may still send, and what came since it was last given more. */
  #credit = INITIAL_CREDIT;
  #received = 0;

  constructor(id: number, receiver: InBandReceiver, carrier: StreamCarrier) {
    this.id = id;
    this.receiver = receiver;
    this.#carrier = carrier;
  }

  stop(): void {
    if (this.#isStopped || this.isOver) return;
    this.#isStopped = true;
    this.#carrier.stop(this);
  }

  kill(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#carrier.kill(this);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#grant();
  }

  /**
   * A frame of the worker's, with its head. Gives whether more may come. Throws `protocol_error` for one that workers
   * don't send.
   */
  take(bytes: Buffer, start: number, end: number): boolean {
    const kind = kindAt(bytes, start);
    switch (kind) {
      case FrameKind.ITEM:
        this.#data(bytes, start, end, "item");
        return true;
      case FrameKind.ANNOTATED:
        this.#data(bytes, start, end, "annotated");
        return true;
      case FrameKind.OPENED:
        this.receiver.opened();
        return true;
    }
    this.isOver = true;
    this.#last(kind, bytes.toString("utf8", start + FRAME_HEAD_BYTES, end));
    return false;
  }

  #data(bytes: Buffer, start: number, end: number, form: FrameForm): void {
    if (this.#credit <= 0) {
      this.kill();
      this.receiver.failed(broken("more than it may"));
      return;
    }
    this.#credit -= end - start;
    this.#received += end - start;
    this.receiver.frame(bytes, start + FRAME_HEAD_BYTES, end, form);
    this.#grant();
  }

  #last(kind: number, text: string): void {
    const { receiver } = this;
    switch (kind) {
      case FrameKind.END:
        receiver.completed();
        receiver.ended();
        return;
      case FrameKind.RESET:
        receiver.opened();
        receiver.ended();
        return;
      case FrameKind.REFUSED:
        receiver.failed(refusalOf(text).with({ address: this.#carrier.address }));
        return;
      case FrameKind.FAILED:
        receiver.failed(decodeFailure(text));
        return;
      default:
        receiver.failed(broken(`a frame of kind ${kind}`));
        throw broken(`a frame of kind ${kind}`);
    }
  }

  tooLarge(actual: number): void {
    const limit = this.receiver.maxFrameBytes;
    this.kill();
    const setting = "DYN_TCP_MAX_MESSAGE_SIZE";
    const message = `message too large: ${actual} bytes (max: ${limit} bytes, set by ${setting})`;
    this.receiver.failed(
      new RequestPlaneError("payload_too_large", message, { facts: { actual, limit, setting } }),
    );
  }

  /** Half at a time, and not while the reader is behind. */
  #grant(): void {
    if (this.#isPaused || this.isOver || this.#received < INITIAL_CREDIT / 2) return;
    this.#carrier.grant(this, this.#received);
    this.#credit += this.#received;
    this.#received = 0;
  }
}

/** The error of a worker that breaks the protocol. */
export function broken(what: string): RequestPlaneError {
  return new RequestPlaneError("protocol_error", `The worker sent ${what}`);
}
