/**
 * The worker's half of call-home: dials the caller for each response.
 *
 * Source: wire-protocol notes, sections 5.2 and 5.4.
 */
import type { Socket } from "node:net";
import { DeadlineQueue } from "../deadline-queue.ts";
import { LinkedList } from "../linked-list.ts";
import { memoized } from "../memo.ts";
import type { ResponseConnector, ResponseWriter } from "../response-plane.ts";
import { parseSocketAddress } from "../socket-address.ts";
import { LONGEST_TIMER_MS } from "../timeouts.ts";
import type { ConnectionInfo } from "../wire/control-message.ts";
import { encodeHandshake } from "../wire/response-frames.ts";
import { CALL_HOME_TRANSPORT, decodeCallHomeInfo } from "./connection-info.ts";
import { SpareBatches } from "./frame-batch.ts";
import { CallHomeWriter } from "./writer.ts";
import type { Shared } from "./writer.ts";

/** How long the caller may take to accept the connection. */
const CONNECT_TIMEOUT_MS = 5_000;
/** How long the caller may take to close after the sentinel; Dynamo's workers wait as long. */
const CLOSING_TIMEOUT_MS = 10_000;

export class CallHomeConnector implements ResponseConnector {
  readonly transport = CALL_HOME_TRANSPORT;
  readonly #shared: Shared;
  readonly #parse = memoized(parseSocketAddress);

  /** `stallMs` is how long a caller may leave what is written unread; 0 is for ever. */
  constructor(stallMs = 0) {
    const destroy = (socket: Socket): unknown => socket.destroy();
    this.#shared = {
      writers: new LinkedList(),
      batches: new SpareBatches(),
      connecting: new DeadlineQueue(CONNECT_TIMEOUT_MS, destroy),
      reading: new DeadlineQueue(stallMs || LONGEST_TIMER_MS, destroy),
      closing: new DeadlineQueue(CLOSING_TIMEOUT_MS, destroy),
    };
  }

  /** Responses under way. */
  get size(): number {
    return this.#shared.writers.size;
  }

  connect(connectionInfo: ConnectionInfo, requestId: string): ResponseWriter {
    const { address, subject } = decodeCallHomeInfo(connectionInfo, requestId);
    const writer = new CallHomeWriter(this.#parse(address), this.#shared);
    writer.header(encodeHandshake(subject));
    return writer;
  }

  /** Closes what is under way, without saying that any response is whole. */
  close(): void {
    const { writers, connecting, reading, closing } = this.#shared;
    for (const writer of writers) writer.abort();
    writers.clear();
    for (const bound of [connecting, reading, closing]) bound.clear();
  }
}
