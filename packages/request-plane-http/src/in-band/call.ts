/**
 * The caller's side of one request that is answered in-band: a POST whose answer is the response.
 */
import type { ClientHttp2Stream } from "node:http2";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { InBandReceiver, Logger, ResponseControl } from "@dynamo/request-plane-core";
import { Post } from "../post.ts";
import type { PostHost, PostTarget } from "../post.ts";
import type { Reply, AnswerHeaders } from "../reply.ts";
import { IN_BAND_TYPE } from "./frames.ts";
import { keyIn, requestIdIn } from "./request-body.ts";
import { ResponseBody } from "./response-body.ts";
import type { BodyOwner } from "./response-body.ts";

const UNSUPPORTED_MEDIA = 415;

/** What a call needs of its client. */
export interface CallHost extends PostHost {
  /** Tells the worker that the response with this key should come to an end. */
  stop(address: string, key: Buffer): Promise<void>;
  readonly logger: Logger;
}

export class InBandCall extends Post implements ResponseControl, BodyOwner {
  readonly #requestBody: Buffer;
  readonly #receiver: InBandReceiver;
  readonly #host: CallHost;
  readonly #body: ResponseBody;
  #isStopped = false;

  constructor(body: Buffer, target: PostTarget, host: CallHost, receiver: InBandReceiver) {
    super(target, host);
    this.#requestBody = body;
    this.#receiver = receiver;
    this.#host = host;
    this.#body = new ResponseBody(receiver, this);
  }

  start(): void {
    this.#receiver.connected(this);
    if (!this.isOver) this.seek();
  }

  /** Waits until the worker knows the request. */
  stop(): void {
    if (this.#isStopped || this.isOver) return;
    this.#isStopped = true;
    if (this.isOpen) this.#sendStop();
  }

  kill(): void {
    if (!this.isOver) this.leave(new RequestPlaneError("cancelled", "The caller wants no more"));
  }

  pause(): void {
    this.stream?.pause();
  }

  resume(): void {
    this.stream?.resume();
  }

  protected write(stream: ClientHttp2Stream): void {
    stream.end(this.#requestBody);
  }

  override answered(headers: AnswerHeaders, flags: number): void {
    if (this.isOver) return;
    const { ":status": status = 0, "content-type": type } = headers;
    if (status === 200 && type === IN_BAND_TYPE) this.#open();
    else if (status >= 300 && status !== UNSUPPORTED_MEDIA) super.answered(headers, flags);
    else this.#decline();
  }

  #open(): void {
    this.isOpen = true;
    this.rest();
    this.#receiver.opened();
    if (this.#isStopped && !this.isOver) this.#sendStop();
  }

  override read(chunk: Buffer): void {
    if (!this.isOpen) {
      super.read(chunk);
      return;
    }
    if (this.isOver) return;
    try {
      this.#body.push(chunk);
    } catch (error) {
      this.fail(RequestPlaneError.from(error, "protocol_error"));
    }
  }

  lastFrame(): void {
    this.finish();
  }

  #decline(): void {
    this.leave(new RequestPlaneError("unavailable", "The worker has no in-band responses"));
    this.#receiver.declined();
  }

  /** With a refusal: everything else is none. */
  protected replied(reply: Reply): void {
    this.fail(reply.refusal(this.target.address));
  }

  protected failed(error: RequestPlaneError): void {
    this.#receiver.failed(error);
  }

  protected override leave(error: RequestPlaneError): void {
    this.#body.leave();
    super.leave(error);
  }

  /** A worker that can't be told so is mostly gone, and its response with it. */
  #sendStop(): void {
    const { address } = this.target;
    this.#host.stop(address, keyIn(this.#requestBody)).catch((error: unknown) => {
      if (this.isOver) return;
      const facts = { requestId: requestIdIn(this.#requestBody), address, error };
      this.#host.logger.warn(facts, "The worker can't be told to stop; its response goes on");
    });
  }
}
