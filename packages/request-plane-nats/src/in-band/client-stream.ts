import { decodeFailure, FRAME_HEAD_BYTES, RequestPlaneError } from "@dynamo/request-plane-core";
import type { Deadline, InBandReceiver, Link, LinkedList, ResponseControl } from "@dynamo/request-plane-core";
import { FrameKind, INITIAL_CREDIT } from "./frames.ts";
import { malformed } from "./message-input.ts";
import type { MessageOutput } from "./message-output.ts";

/** What a stream needs of the link it is answered on. */
export interface StreamLink {
  readonly output: MessageOutput;
  /** Those that are not over. */
  readonly streams: LinkedList<ClientStream>;
}

/** The caller's side of one request and its response. Forgotten as soon as it is over. */
export class ClientStream implements ResponseControl {
  readonly id: number;
  readonly receiver: InBandReceiver;
  /** The subject of the request. */
  readonly address: string;
  /** Of the request. */
  readonly bytes: number;
  readonly #onOver: (stream: ClientStream) => void;
  /** Of the acknowledgement. */
  deadline: Deadline<ClientStream> | undefined;
  /** Who answers, from the first frame on. */
  #link: StreamLink | undefined;
  /** Its place among the streams of the link. */
  #place: Link<ClientStream> | undefined;
  #isOver = false;
  #isStopped = false;
  #isPaused = false;
  /** What the worker may still send, and what came since it was last given more. */
  #credit = INITIAL_CREDIT;
  #received = 0;
  /** The beginning of a body that comes in pieces. */
  #parts: Buffer[] | undefined;
  #partBytes = 0;

  constructor(
    id: number,
    request: { readonly address: string; readonly bytes: number },
    receiver: InBandReceiver,
    onOver: (stream: ClientStream) => void,
  ) {
    this.id = id;
    this.address = request.address;
    this.bytes = request.bytes;
    this.receiver = receiver;
    this.#onOver = onOver;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get link(): StreamLink | undefined {
    return this.#link;
  }

  bind(link: StreamLink): void {
    this.#link = link;
    this.#place = link.streams.add(this);
    if (this.#isStopped) link.output.empty(FrameKind.STOP, this.id);
  }

  stop(): void {
    if (this.#isStopped || this.#isOver) return;
    this.#isStopped = true;
    this.#link?.output.empty(FrameKind.STOP, this.id);
  }

  /** A worker that has not answered yet is told when it does. */
  kill(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#link?.output.empty(FrameKind.KILL, this.id);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#grant();
  }

  fail(error: RequestPlaneError): void {
    if (this.#isOver) return;
    this.#finish();
    this.receiver.failed(error.with({ address: this.address }));
  }

  decline(): void {
    if (this.#isOver) return;
    this.#finish();
    this.receiver.declined();
  }

  /** Throws `protocol_error` for a kind that workers don't send. */
  frame(kind: number, bytes: Buffer, start: number, end: number): void {
    switch (kind) {
      case FrameKind.ITEM:
        this.#data("item", bytes, start, end);
        return;
      case FrameKind.ANNOTATED:
        this.#data("annotated", bytes, start, end);
        return;
      case FrameKind.PART:
        this.#part(bytes, start, end);
        return;
      case FrameKind.OPENED:
        this.receiver.opened();
        return;
      case FrameKind.END:
        this.#finish();
        this.receiver.completed();
        this.receiver.ended();
        return;
      case FrameKind.RESET:
        this.#finish();
        this.receiver.opened();
        this.receiver.ended();
        return;
      case FrameKind.FAILED: {
        const body = this.#whole(bytes, start, end);
        this.fail(decodeFailure(body.toString()));
        return;
      }
      default:
        throw malformed(`a frame of kind ${kind}`);
    }
  }

  #data(form: "item" | "annotated", bytes: Buffer, start: number, end: number): void {
    if (!this.#take(start, end)) return;
    if (this.#parts) {
      const body = this.#whole(bytes, start, end);
      this.receiver.frame(body, 0, body.length, form);
    } else this.receiver.frame(bytes, start, end, form);
    this.#grant();
  }

  #part(bytes: Buffer, start: number, end: number): void {
    if (!this.#take(start, end)) return;
    this.#parts ??= [];
    this.#parts.push(bytes.subarray(start, end));
    this.#partBytes += end - start;
  }

  /** Accounts for a frame. Gives whether it may be there; otherwise the stream is over. */
  #take(start: number, end: number): boolean {
    if (this.#credit <= 0 && !this.#parts) {
      this.#reject(new RequestPlaneError("protocol_error", "The worker sent more than it may"));
      return false;
    }
    const actual = this.#partBytes + end - start;
    const limit = this.receiver.maxFrameBytes;
    if (actual > limit) {
      this.#reject(tooLarge(actual, limit));
      return false;
    }
    const cost = FRAME_HEAD_BYTES + end - start;
    this.#credit -= cost;
    this.#received += cost;
    return true;
  }

  #whole(bytes: Buffer, start: number, end: number): Buffer {
    const last = bytes.subarray(start, end);
    const body = this.#parts ? Buffer.concat([...this.#parts, last]) : last;
    this.#parts = undefined;
    this.#partBytes = 0;
    return body;
  }

  #reject(error: RequestPlaneError): void {
    this.kill();
    this.receiver.failed(error.with({ address: this.address }));
  }

  /** Half at a time, and not while the reader is behind. */
  #grant(): void {
    if (this.#isPaused || this.#isOver || this.#received < INITIAL_CREDIT / 2) return;
    this.#link?.output.number(FrameKind.CREDIT, this.id, this.#received);
    this.#credit += this.#received;
    this.#received = 0;
  }

  #finish(): void {
    this.#isOver = true;
    this.#parts = undefined;
    if (this.#place) this.#link?.streams.remove(this.#place);
    this.#onOver(this);
  }
}

function tooLarge(actual: number, limit: number): RequestPlaneError {
  const setting = "DYN_TCP_MAX_MESSAGE_SIZE";
  const message = `message too large: ${actual} bytes or more (max: ${limit} bytes, set by ${setting})`;
  return new RequestPlaneError("payload_too_large", message, { facts: { actual, limit, setting } });
}
