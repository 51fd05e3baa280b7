import type { ClientHttp2Stream } from "node:http2";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { OutboundRequest } from "@dynamo/request-plane-core";
import { Post } from "./post.ts";
import type { PostHost, PostTarget } from "./post.ts";
import type { Reply } from "./reply.ts";

/** Larger envelopes are written piece by piece instead of being joined. */
const JOIN_BYTES = 16 * 1024;

/** The promise of an acknowledgement. */
export interface Settle {
  readonly resolve: () => void;
  readonly reject: (error: RequestPlaneError) => void;
}

/** A request that is acknowledged here; its response comes another way, if there is one. */
export class Delivery extends Post {
  readonly #request: OutboundRequest;
  readonly #settle: Settle;

  constructor(request: OutboundRequest, target: PostTarget, host: PostHost, settle: Settle) {
    super(target, host);
    this.#request = request;
    this.#settle = settle;
  }

  start(): void {
    const { signal } = this.#request;
    signal?.addEventListener("abort", this);
    if (signal?.aborted) this.handleEvent();
    else this.seek();
  }

  /** The caller's signal was aborted. */
  handleEvent(): void {
    const cause: unknown = this.#request.signal?.reason;
    this.fail(new RequestPlaneError("cancelled", "Aborted before it was acknowledged", { cause }));
  }

  protected write(stream: ClientHttp2Stream): void {
    const { envelope, envelopeBytes } = this.#request;
    if (envelope.length > 1 && envelopeBytes <= JOIN_BYTES) {
      stream.end(Buffer.concat(envelope));
      return;
    }
    for (const piece of envelope.slice(0, -1)) stream.write(piece);
    stream.end(envelope.at(-1));
  }

  protected replied(reply: Reply): void {
    if (reply.isRefusal) {
      this.fail(reply.refusal(this.target.address));
      return;
    }
    this.finish();
    this.#forgetSignal();
    this.#settle.resolve();
  }

  protected failed(error: RequestPlaneError): void {
    this.#forgetSignal();
    this.#settle.reject(error);
  }

  #forgetSignal(): void {
    this.#request.signal?.removeEventListener("abort", this);
  }
}
