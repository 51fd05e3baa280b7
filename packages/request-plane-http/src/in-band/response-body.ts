import { decodeFailure, FrameDecoder, framesOfItems, RequestPlaneError } from "@dynamo/request-plane-core";
import type { InBandReceiver } from "@dynamo/request-plane-core";
import { BodyFrame, HEAD_BYTES, kindAt, measureFrame, tooLarge } from "./frames.ts";

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
      case BodyFrame.ITEM:
        this.#receiver.frame(bytes, bodyStart, end, "item");
        return;
      case BodyFrame.ANNOTATED:
        this.#receiver.frame(bytes, bodyStart, end, "annotated");
        return;
      case BodyFrame.ITEMS:
        this.#items(bytes, bodyStart, end);
        return;
      case BodyFrame.OPENED:
        return;
      case BodyFrame.END:
        this.#last();
        this.#receiver.completed();
        this.#receiver.ended();
        return;
      case BodyFrame.RESET:
        this.#last();
        this.#receiver.ended();
        return;
      case BodyFrame.FAILED:
        this.#last();
        this.#receiver.failed(decodeFailure(bytes.toString("utf8", bodyStart, end)));
        return;
      default:
        throw new RequestPlaneError("protocol_error", `The worker sent a frame of kind ${kind}`);
    }
  };

  #items(bytes: Buffer, start: number, end: number): void {
    const limit = this.#receiver.maxFrameBytes;
    if (end - start <= limit) {
      this.#receiver.frame(bytes, start, end, "items");
      return;
    }
    // The limit is for one item.
    for (const item of framesOfItems({ bytes, start, end })) {
      if (this.#isOver) return;
      if (item.end - item.start > limit) throw tooLarge(item.end - item.start, limit);
      this.#receiver.frame(bytes, item.start, item.end, "item");
    }
  }

  #last(): void {
    this.#isOver = true;
    this.#owner.lastFrame();
  }
}
