import { randomUUID } from "node:crypto";
import type { KvEvent, KvRouter, SequenceEvent } from "@dynamo/kv-router";
import {
  decodeLoadReportJson,
  decodeSequenceEventJson,
  encodeSequenceEventJson,
} from "@dynamo/kv-router/wire";
import type { Discovery, EndpointName, Logger } from "@dynamo/request-plane-core";
import type { Msg, NatsConnection, Subscription } from "@dynamo/request-plane-nats/connection";
import type { RouterEventOptions, RouterEvents, RouterEventStatus } from "../event-plane.ts";
import { noCounts } from "../kv-events-listener.ts";
import { Housekeeping } from "./housekeeping.ts";
import { KvConsumer } from "./kv-consumer.ts";
import { jetStreamNames } from "./names.ts";
import type { JetStreamNames } from "./names.ts";
import { RouterRegistry } from "./router-registry.ts";
import { StateStore } from "./state-store.ts";
import type { SavedState } from "./state-store.ts";
import type { JetStreamParts } from "./worker-events.ts";

/** Dynamo's default. */
const SNAPSHOT_THRESHOLD = 1_000_000;

/** What a router of 0.7 hears: KV events out of a stream, load and other routers from whoever publishes. */
export class JetStreamRouterEvents implements RouterEvents {
  readonly #parts: JetStreamParts;
  readonly #names: JetStreamNames;
  readonly #router: KvRouter;
  /** The name of this router, in NATS and in etcd. */
  readonly #uuid: string;
  readonly #replicaSync: boolean;
  readonly #logger: Logger;
  readonly #counts = noCounts();
  #subscriptions: readonly Subscription[] = [];
  #consumer: KvConsumer | undefined;
  /** What has to be closed, the last one first. */
  readonly #opened: { close(): Promise<void> }[] = [];
  #lastProblem = "";
  #closing: Promise<void> | undefined;

  private constructor(
    parts: JetStreamParts,
    names: JetStreamNames,
    router: KvRouter,
    options: RouterEventOptions,
  ) {
    this.#parts = parts;
    this.#names = names;
    this.#router = router;
    const { routerId } = router.active;
    this.#uuid = typeof routerId === "string" ? routerId : randomUUID();
    this.#replicaSync = options.replicaSync ?? false;
    this.#logger = options.logger ?? parts.logger;
  }

  static async open(
    parts: JetStreamParts & { readonly discovery: Discovery },
    endpoint: EndpointName,
    router: KvRouter,
    options: RouterEventOptions,
  ): Promise<JetStreamRouterEvents> {
    const events = new JetStreamRouterEvents(parts, jetStreamNames(endpoint), router, options);
    try {
      events.#subscribe(await parts.link.connect());
      if (router.events) await events.#followKv(parts.discovery, options);
      return events;
    } catch (error) {
      await events.close().catch(() => undefined);
      throw error;
    }
  }

  tell(event: SequenceEvent): void {
    if (!this.#replicaSync) return;
    const text = encodeSequenceEventJson({ ...event, routerId: this.#uuid });
    this.#parts.link.current?.publish(this.#names.sequences, text);
  }

  async settled(): Promise<void> {
    await this.#consumer?.settled();
  }

  status(): RouterEventStatus {
    return {
      channels: this.#subscriptions.length,
      sources: this.#consumer ? 1 : 0,
      counts: { ...this.#counts },
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#subscriptions = [];
    for (const one of this.#opened.splice(0).reverse()) await one.close();
  }

  #subscribe(connection: NatsConnection): void {
    const { loads, sequences } = this.#names;
    this.#subscriptions = [
      connection.subscribe(loads, {
        callback: (_error, message) =>
          this.#try(message, (text) => this.#router.reportLoad(decodeLoadReportJson(text))),
      }),
      connection.subscribe(sequences, {
        callback: (_error, message) => this.#try(message, (text) => this.#takeSequence(text)),
      }),
    ];
  }

  /** The order matters: what comes while the state is read must not be lost, and coming twice does no harm. */
  async #followKv(discovery: Discovery, options: RouterEventOptions): Promise<void> {
    const { link, maxAgeMs } = this.#parts;
    const [names, router, logger, uuid] = [this.#names, this.#router, this.#logger, this.#uuid];
    const registry = discovery.keys && new RouterRegistry(discovery.keys, names, uuid);
    if (registry) this.#opened.push(registry);
    await registry?.announce(options);
    const onEvent = (event: KvEvent): void => this.#takeKv(event);
    const consumer = new KvConsumer({ link, names, uuid, maxAgeMs, logger, onEvent });
    const store = new StateStore(link, names);
    this.#opened.push(consumer);
    await consumer.create();
    if (options.resetStates === true) await store.reset();
    const isReadable = this.#takeSaved(await store.load());
    consumer.start();
    this.#consumer = consumer;
    const snapshotThreshold = isReadable ? (options.snapshotThreshold ?? SNAPSHOT_THRESHOLD) : Infinity;
    const onRouterGone = (gone: string): void => router.active.dropRouter(gone);
    const parts = { link, names, router, store, registry, logger };
    this.#opened.push(new Housekeeping({ ...parts, snapshotThreshold, onRouterGone }));
  }

  /** Whether it could be read. One that can't be is left to those who have written it, and never overwritten. */
  #takeSaved(saved: SavedState): boolean {
    if ("events" in saved) {
      for (const event of saved.events) this.#takeKv(event);
      return true;
    }
    const { bucket, object } = this.#names;
    this.#logger.warn(
      { bucket, object, problem: saved.problem },
      `The state that a router has saved as ${object} in ${bucket} can't be read (${saved.problem}): ` +
        "blocks that are only there stay unknown, and this router saves none. --router-reset-states throws it away.",
    );
    return false;
  }

  #takeKv(event: KvEvent): void {
    this.#counts.applied++;
    if (this.#router.events?.apply(event) === "unknown_parent") this.#counts.unknownParents++;
  }

  #takeSequence(text: string): void {
    const event = decodeSequenceEventJson(text, this.#router.blockSize);
    if (event.routerId !== this.#uuid) this.#router.active.apply(event);
  }

  #try(message: Msg, take: (text: string) => void): void {
    try {
      take(message.string());
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem === this.#lastProblem) return;
      this.#lastProblem = problem;
      this.#logger.warn(
        { subject: message.subject, problem },
        `A message on ${message.subject} is ignored: ${problem}`,
      );
    }
  }
}
