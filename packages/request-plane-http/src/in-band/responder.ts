import { DeadlineQueue, RequestPlaneError, SpareBuffers } from "@dynamo/request-plane-core";
import type { Headers, RequestAcceptor } from "@dynamo/request-plane-core";
import type { Exchange } from "../exchange.ts";
import { refuse } from "../refusal.ts";
import { KEY_BYTES, keyOf, PREFIX_BYTES } from "./frames.ts";
import { InBandWriter } from "./writer.ts";
import type { WriterHost, WriterPlace } from "./writer.ts";

/** Enough for what is collected before it is written, and as many as there are responses in one tick at busy times. */
const SPARE_BYTES = 32 * 1024;
const MOST_SPARE = 64;

/** Takes the requests of one server that are answered in-band, and brings stops to their responses. */
export class InBandResponder implements WriterHost {
  readonly spare = new SpareBuffers(SPARE_BYTES, MOST_SPARE);
  readonly finishing: DeadlineQueue<InBandWriter>;
  readonly #running = new Map<string, WriterPlace>();

  constructor(peerTimeoutMs: number) {
    this.finishing = new DeadlineQueue(peerTimeoutMs, (writer) => writer.cut());
  }

  /** Throws what is wrong with the body. */
  accept(exchange: Exchange, accept: RequestAcceptor, headers: Headers, body: Buffer): void {
    const key = keyOf(body);
    if (this.#running.has(key))
      throw new RequestPlaneError("conflict", "A request with this key is being answered");
    const writer = new InBandWriter(key, exchange, this);
    this.#running.set(key, writer.place);
    const refusal = accept({ headers, envelope: body.subarray(PREFIX_BYTES), connector: writer });
    if (writer.isConnected) return;
    this.forget(writer.place);
    if (refusal) refuse(exchange, refusal);
    // Its control message names another way, and that is taken.
    else exchange.respond(202, {});
  }

  /** A response that is over has nothing to stop, which is no error. */
  stop(exchange: Exchange, body: Buffer): void {
    if (body.length !== KEY_BYTES)
      throw new RequestPlaneError("invalid_argument", `A key has ${KEY_BYTES} bytes, not ${body.length}`);
    this.#running.get(body.toString("latin1"))?.writer?.stop();
    exchange.respond(204, {});
  }

  forget(place: WriterPlace): void {
    this.#running.delete(place.key);
    place.writer = undefined;
  }

  /** For when nothing comes in any more. */
  close(): void {
    this.finishing.clear();
  }
}
