import { decodeFailure, FrameDecoder, RequestPlaneError, ResponseFrame } from "@dynamo/request-plane-core";
import type { InBandReceiver } from "@dynamo/request-plane-core";
import { HEAD_BYTES, kindAt, measureFrame } from "./frames.ts";

export interface BodyOwner {
  /** Called before the receiver is told of the last frame. */
  lastFrame(): void;
}

/** Reads the body of an answer and tells the receiver what is in it, until the last frame or `leave`. */
export class ResponseBody {
  readonly #receiver: InBandReceiver;
  readonly #owner: BodyOwner;
  readonly #decoder: FrameDecoder;
  #isOver = false;

  constructor(receiver: InBandReceiver, owner: BodyOwner) {
    this.#receiver = receiver;
    this.#owner = owner;
    this.#decoder = new FrameDecoder(measureFrame(receiver.maxFrameBytes), this.#frame);
  }

  /** Throws `protocol_error` or `payload_too_large`; the body can't be read any further then. */
  push(chunk: Buffer): void {
    if (!this.#isOver) this.#decoder.push(chunk);
  }

  /** What still comes is passed over. */
  leave(): void {
    this.#isOver = true;
  }

  readonly #frame = (bytes: Buffer, start: number, end: number): void => {
    if (this.#isOver) return;
    const kind = kindAt(bytes, start);
    const bodyStart = start + HEAD_BYTES;
    switch (kind) {
      case ResponseFrame.ITEM:
        this.#receiver.frame(bytes, bodyStart, end, "item");
        return;
      case ResponseFrame.ANNOTATED:
        this.#receiver.frame(bytes, bodyStart, end, "annotated");
        return;
      case ResponseFrame.OPENED:
        return;
      case ResponseFrame.END:
        this.#last();
        this.#receiver.completed();
        this.#receiver.ended();
        return;
      case ResponseFrame.RESET:
        this.#last();
        this.#receiver.ended();
        return;
      case ResponseFrame.FAILED:
        this.#last();
        this.#receiver.failed(decodeFailure(bytes.toString("utf8", bodyStart, end)));
        return;
      default:
        throw new RequestPlaneError("protocol_error", `The worker sent a frame of kind ${kind}`);
    }
  };

  #last(): void {
    this.#isOver = true;
    this.#owner.lastFrame();
  }
}
