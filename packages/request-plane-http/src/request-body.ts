import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { Deadline, DeadlineQueue } from "@dynamo/request-plane-core";
import type { Exchange } from "./exchange.ts";

/** Who sends more than this, or slower, is answered while it sends. */
const MAX_DROPPED_BYTES = 256 * 1024;
const MAX_DROPPING_MS = 1_000;

export interface BodyBounds {
  readonly maxMessageBytes: number;
  readonly peerTimeoutMs: number;
}

/** Those that are being read, and how long each may take. */
export type UnreadBodies = DeadlineQueue<BodyReader>;

/** Told once, of one of the two. */
export interface BodyReceiver {
  /** What comes of it is a response that `Exchange.putOffEnd` is good for. */
  readonly wantsNoEnd: boolean;
  whole(body: Buffer): void;
  /**
   * With `payload_too_large` as soon as that shows, with `deadline_exceeded`, or with `disconnected` when the caller
   * went away, however clean that looked.
   */
  failed(error: RequestPlaneError): void;
}

/** Reads one body. With a receiver and not a promise, which would be two more turns for each request. */
export class BodyReader {
  readonly #exchange: Exchange;
  readonly #bounds: BodyBounds;
  readonly #receiver: BodyReceiver;
  readonly #chunks: Buffer[] = [];
  /** As the caller says. */
  readonly #declared: number | undefined;
  #length = 0;
  #unread: UnreadBodies | undefined;
  #place: Deadline<BodyReader> | undefined;

  constructor(exchange: Exchange, bounds: BodyBounds, receiver: BodyReceiver) {
    this.#exchange = exchange;
    this.#bounds = bounds;
    this.#receiver = receiver;
    const { "content-length": declared } = exchange.headers;
    if (declared !== undefined) this.#declared = Number(declared);
  }

  read(unread: UnreadBodies): void {
    const { input } = this.#exchange;
    if (this.#declared !== undefined && this.#declared > this.#bounds.maxMessageBytes) {
      this.fail(tooLarge(this.#declared, this.#bounds));
      return;
    }
    this.#exchange.proceed();
    // Streams, and their listeners, may be kept by node:http2 long after their end; a place refers to nothing then.
    const place = unread.add(this);
    this.#unread = unread;
    this.#place = place;
    input.on("data", (chunk: Buffer) => place.value?.item.take(chunk));
    input.on("end", () => place.value?.item.end());
    input.on("close", () => place.value?.item.fail(gone()));
  }

  expire(): void {
    this.fail(tooSlow(this.#bounds));
  }

  take(chunk: Buffer): void {
    this.#length += chunk.length;
    if (this.#length > this.#bounds.maxMessageBytes) {
      this.fail(tooLarge(this.#length, this.#bounds));
      return;
    }
    this.#chunks.push(chunk);
    if (this.#length === this.#declared && this.#receiver.wantsNoEnd && this.#exchange.putOffEnd())
      this.end();
  }

  end(): void {
    const declared = this.#declared ?? this.#length;
    if (!this.#exchange.isInputWhole || declared !== this.#length) {
      this.fail(gone());
      return;
    }
    this.#leave();
    const [first] = this.#chunks;
    this.#receiver.whole(this.#chunks.length === 1 && first ? first : Buffer.concat(this.#chunks));
  }

  fail(error: RequestPlaneError): void {
    this.#leave();
    this.#receiver.failed(error);
  }

  #leave(): void {
    if (this.#place) this.#unread?.delete(this.#place);
  }
}

/**
 * Reads and drops the rest of a request that is refused, within bounds, before it is answered: proxies and some
 * callers lose an answer that comes before they have sent everything.
 */
export async function dropRest({ input, headers }: Exchange): Promise<void> {
  const declared = Number(headers["content-length"] ?? 0);
  if (headers.expect !== undefined || declared > MAX_DROPPED_BYTES || input.destroyed) return;
  await new Promise<void>((resolve) => {
    let length = 0;
    const onData = (chunk: Buffer): void => {
      length += chunk.length;
      if (length > MAX_DROPPED_BYTES) done();
    };
    const done = (): void => {
      clearTimeout(timer);
      input.off("data", onData).off("end", done).off("close", done);
      resolve();
    };
    const timer = setTimeout(done, MAX_DROPPING_MS);
    input.on("data", onData).on("end", done).on("close", done);
    if (input.readableEnded) done();
  });
}

function gone(): RequestPlaneError {
  return new RequestPlaneError("disconnected", "The caller left before its request was whole");
}

function tooLarge(actual: number, { maxMessageBytes: limit }: BodyBounds): RequestPlaneError {
  const setting = "DYN_HTTP_MAX_MESSAGE_SIZE";
  const message = `The request has ${actual} bytes or more, the limit is ${limit} (${setting})`;
  return new RequestPlaneError("payload_too_large", message, { facts: { actual, limit, setting } });
}

function tooSlow({ peerTimeoutMs: limit }: BodyBounds): RequestPlaneError {
  const setting = "DYN_HTTP_PEER_TIMEOUT_SECS";
  return new RequestPlaneError("deadline_exceeded", `The request was not whole within ${limit} ms`, {
    facts: { limit, setting },
  });
}
