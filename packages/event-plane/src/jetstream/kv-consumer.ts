import { setTimeout as sleep } from "node:timers/promises";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { Consumer, ConsumerMessages, JetStreamManager } from "@nats-io/jetstream";
import type { KvEvent } from "@dynamo/kv-router";
import { decodeKvEventJson } from "@dynamo/kv-router/wire";
import type { Logger } from "@dynamo/request-plane-core";
import type { NatsConnection, NatsLink } from "@dynamo/request-plane-nats/connection";
import type { JetStreamNames } from "./names.ts";
import { ensureConsumer, ensureStream, managerOf, rewindConsumer } from "./stream.ts";

/** How a router of 0.7 asks for messages. Source: kv-verified notes, section 2.3. */
const PULL = { max_messages: 200, expires: 30_000, idle_heartbeat: 15_000, abort_on_missing_resource: true };
/** Between two attempts to go on. */
const RETRY_MS = 500;

export interface KvConsumerOptions {
  readonly link: NatsLink;
  readonly names: JetStreamNames;
  /** The name of the consumer. */
  readonly uuid: string;
  readonly maxAgeMs: number;
  readonly onEvent: (event: KvEvent) => void;
  readonly logger: Logger;
}

/**
 * Takes the KV events out of the stream, for as long as it is open: each is acknowledged when the index has it, so that
 * nothing is lost while the server is away. Events may come again, all from one on.
 */
export class KvConsumer {
  readonly #options: KvConsumerOptions;
  readonly #closing = new AbortController();
  readonly #caughtUp = Promise.withResolvers<undefined>();
  #messages: ConsumerMessages | undefined;
  #running: Promise<void> | undefined;
  /** The server may have sent what never came. */
  #isBehind = false;
  #lastProblem = "";

  constructor(options: KvConsumerOptions) {
    this.#options = options;
  }

  /** From now on the server keeps what is published until it was taken. Rejects when that can't be done. */
  async create(): Promise<void> {
    await this.#create();
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Settles when all that the stream held at some moment was taken, or when it is closed. */
  async settled(): Promise<void> {
    await this.#caughtUp.promise;
  }

  /** Takes no more, and lets the server forget the consumer, when it can be reached. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#caughtUp.resolve(undefined);
    this.#messages?.stop();
    await this.#running;
    const { link, names, uuid } = this.#options;
    if (!link.current) return;
    const { consumers } = await jetstreamManager(link.current, { checkAPI: false });
    await consumers.delete(names.stream, uuid).catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await this.#follow(await this.#options.link.connect());
      } catch (error) {
        if (!signal.aborted) this.#report(error);
      }
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Until the connection is lost: what was under way then has to be asked for again. */
  async #follow(connection: NatsConnection): Promise<void> {
    let isLost = false;
    // The declared type hides that the iterator can be stopped.
    const statuses = connection.status() as ReturnType<NatsConnection["status"]> & { stop(): void };
    void (async () => {
      for await (const { type } of statuses) {
        if (type !== "disconnect") continue;
        isLost = true;
        this.#messages?.stop();
      }
    })();
    try {
      const messages = await (await this.#open(connection)).consume(PULL);
      this.#messages = messages;
      this.#isBehind = true;
      if (isLost || this.#closing.signal.aborted) messages.stop();
      await this.#takeAll(messages);
    } finally {
      statuses.stop();
    }
  }

  async #create(): Promise<JetStreamManager> {
    const { link, names, uuid, maxAgeMs } = this.#options;
    const manager = await managerOf(link);
    await ensureStream(manager, names, maxAgeMs);
    await ensureConsumer(manager, names, uuid);
    return manager;
  }

  /** The server may have lost the stream, the consumer or both. */
  async #open(connection: NatsConnection): Promise<Consumer> {
    const manager = await this.#create();
    const { names, uuid } = this.#options;
    if (this.#isBehind) await rewindConsumer(manager, names, uuid);
    const consumer = await jetstream(connection).consumers.get(names.stream, uuid);
    const { num_pending: pending, num_ack_pending: unacknowledged } = await consumer.info();
    if (pending === 0 && unacknowledged === 0) this.#caughtUp.resolve(undefined);
    return consumer;
  }

  async #takeAll(messages: ConsumerMessages): Promise<void> {
    for await (const message of messages) {
      this.#take(message.string());
      message.ack();
      if (message.info.pending === 0) this.#caughtUp.resolve(undefined);
    }
    const end = await messages.closed();
    if (end instanceof Error) throw end;
  }

  #take(text: string): void {
    try {
      this.#options.onEvent(decodeKvEventJson(text));
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error);
    if (problem === this.#lastProblem) return;
    this.#lastProblem = problem;
    this.#options.logger.warn({ problem }, `Trouble with KV events from JetStream: ${problem}`);
  }
}
