import { decodePrologue, RequestPlaneError } from "@dynamo/request-plane-core";
import type { Deadline, FrameForm, InBandReceiver, ResponseControl } from "@dynamo/request-plane-core";
import { refusalOf } from "../reply-frame.ts";
import { HEAD_BYTES, INITIAL_CREDIT } from "./frames.ts";

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
  /** The worker has accepted the request. */
  isAcknowledged = false;
  /** Of the wait for that. */
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

  data(form: FrameForm, bytes: Buffer, start: number, end: number): void {
    if (this.#credit <= 0) {
      this.kill();
      this.receiver.failed(new RequestPlaneError("protocol_error", "The worker sent more than it may"));
      return;
    }
    const cost = HEAD_BYTES + end - start;
    this.#credit -= cost;
    this.#received += cost;
    this.receiver.frame(bytes, start, end, form);
    this.#grant();
  }

  /** The worker's last word on this stream was an error. */
  refused(text: string): void {
    this.receiver.failed(refusalOf(text).with({ address: this.#carrier.address }));
  }

  failed(json: string): void {
    this.receiver.failed(failureIn(json));
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

function failureIn(json: string): RequestPlaneError {
  try {
    const error = decodePrologue(json);
    return error ?? new RequestPlaneError("protocol_error", "The worker sent a failure without an error");
  } catch (error) {
    return RequestPlaneError.from(error);
  }
}
