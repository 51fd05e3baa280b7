import { setTimeout as sleep } from "node:timers/promises";
import { jetstream } from "@nats-io/jetstream";
import type { KvEvent } from "@dynamo/kv-router";
import { encodeKvEventJson } from "@dynamo/kv-router/wire";
import type { Logger } from "@dynamo/request-plane-core";
import type { NatsLink } from "@dynamo/request-plane-nats/connection";

/** Events that may wait until the stream has them. */
const MAX_WAITING = 65_536;
/** Events that go out together; the acknowledgement of the last one stands for all. */
const BATCH = 256;
/** How long that may take; what was sent is sent again then. */
const ACK_MS = 2_000;
/** Between two attempts when one failed. */
const RETRY_MS = 200;
/** How long `close` goes on to send what is left. */
const CLOSING_MS = 2_000;

/** Events that the stream has are let go in so large pieces. */
const FORGOTTEN_TOGETHER = 8_192;

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
  /** How many of them the stream has. */
  #sent = 0;
  #hasFailed = false;
  #sending: Promise<void> | undefined;
  readonly #closing = new AbortController();

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** Gives false when there was no room: all that waited is dropped, and what was told before no longer holds. */
  push(event: KvEvent): boolean {
    const hasRoom = this.#waiting.length - this.#sent < MAX_WAITING;
    if (hasRoom) this.#waiting.push(event);
    else this.#drop();
    this.#sending ??= this.#sendAll();
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
    while (this.#sent < this.#waiting.length && !signal.aborted) {
      const waiting = this.#waiting;
      const batch = waiting.slice(this.#sent, this.#sent + BATCH);
      if (!(await this.#send(batch))) await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
      // They may have been dropped meanwhile.
      else if (waiting === this.#waiting) this.#settle(batch.length);
    }
    this.#sending = undefined;
  }

  #settle(count: number): void {
    this.#sent += count;
    // Not each time: it is a copy of all that wait.
    if (this.#sent < FORGOTTEN_TOGETHER && this.#sent < this.#waiting.length) return;
    this.#waiting = this.#waiting.slice(this.#sent);
    this.#sent = 0;
  }

  /**
   * Whether the stream has them. One connection keeps them in order: when the last one is there, all are, and when it
   * isn't, all are sent again.
   */
  async #send(batch: readonly KvEvent[]): Promise<boolean> {
    const { link, subject } = this.#options;
    const connection = link.current;
    if (!connection) return false;
    try {
      const texts = batch.map(encodeKvEventJson);
      const last = texts.pop() ?? "";
      for (const text of texts) connection.publish(subject, text);
      await jetstream(connection).publish(subject, last, { timeout: ACK_MS });
      this.#hasFailed = false;
      return true;
    } catch (error) {
      this.#report(error);
      return false;
    }
  }

  #drop(): void {
    const message =
      "The KV events of a rank were dropped: NATS is away or too slow. Its blocks are told as cleared";
    this.#options.logger.warn({ events: MAX_WAITING }, message);
    this.#waiting = [];
    this.#sent = 0;
  }

  /** Once until it works again. */
  #report(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    const problem = String(error);
    this.#options.logger.warn({ problem }, `KV events can't be stored at the moment: ${problem}`);
  }
}
