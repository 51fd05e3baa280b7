import { setTimeout as sleep } from "node:timers/promises";
import { jetstream } from "@nats-io/jetstream";
import type { KvEvent } from "@dynamo/kv-router";
import { encodeKvEventJson } from "@dynamo/kv-router/wire";
import type { Logger } from "@dynamo/request-plane-core";
import type { NatsLink } from "@dynamo/request-plane-nats/connection";

/** Events that may wait while the server is away. */
const MAX_WAITING = 65_536;
/** Events on their way whose acknowledgement is not here yet. */
const IN_FLIGHT = 256;
/** How long an acknowledgement may take; what was sent is sent again then. */
const ACK_MS = 2_000;
/** Between two attempts when one failed. */
const RETRY_MS = 200;
/** How long `close` goes on to send what is left. */
const CLOSING_MS = 2_000;

export interface QueueOptions {
  readonly link: NatsLink;
  readonly subject: string;
  readonly logger: Logger;
}

/**
 * Brings the events of one rank into the stream, in order and none left out: nobody could be asked for those that
 * are missing. After a failure all from there on come again, which leads to the same state.
 */
export class KvEventQueue {
  readonly #options: QueueOptions;
  #waiting: KvEvent[] = [];
  #sending: Promise<void> | undefined;
  readonly #closing = new AbortController();

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** Gives false when there was no room: all that waited is dropped, and what was told before no longer holds. */
  push(event: KvEvent): boolean {
    const hasRoom = this.#waiting.length < MAX_WAITING;
    if (!hasRoom) {
      this.#options.logger.warn({ events: MAX_WAITING }, "NATS is away for too long; KV events are dropped");
      this.#waiting = [];
    } else this.#waiting.push(event);
    this.#sending ??= this.#sendAll().finally(() => (this.#sending = undefined));
    return hasRoom;
  }

  async close(): Promise<void> {
    const timer = setTimeout(() => this.#closing.abort(), CLOSING_MS);
    await this.#sending;
    clearTimeout(timer);
    this.#closing.abort();
  }

  async #sendAll(): Promise<void> {
    const { signal } = this.#closing;
    // What is pushed in this turn goes out together.
    await Promise.resolve();
    while (this.#waiting.length > 0 && !signal.aborted) {
      const batch = this.#waiting.slice(0, IN_FLIGHT);
      const sent = await this.#send(batch);
      // An overflow may have taken them away meanwhile.
      if (sent > 0 && this.#waiting[0] === batch[0]) this.#waiting.splice(0, sent);
      if (sent < batch.length) await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** How many of the first ones the stream has. From the first failure on all are sent again, in order. */
  async #send(batch: readonly KvEvent[]): Promise<number> {
    const { link, subject } = this.#options;
    const connection = link.current;
    if (!connection) return 0;
    const stream = jetstream(connection);
    const acks = await Promise.allSettled(
      batch.map((event) => stream.publish(subject, encodeKvEventJson(event), { timeout: ACK_MS })),
    );
    const failed = acks.findIndex(({ status }) => status === "rejected");
    return failed < 0 ? batch.length : failed;
  }
}
