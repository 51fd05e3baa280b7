import { isEventSourceRecord } from "@dynamo/discovery";
import { EventIntake } from "@dynamo/kv-router";
import type { IntakeCounts, KvRouter, PrefixIndex } from "@dynamo/kv-router";
import { decodeKvEvents } from "@dynamo/kv-router/wire";
import type { EventEnvelope } from "@dynamo/kv-router/wire";
import type { DiscoveryRecord, EndpointName, Logger, NetworkManager } from "@dynamo/request-plane-core";
import { ChannelListener } from "./channel-listener.ts";
import { kvSourceOf, recoveryFrom } from "./kv-source.ts";
import { RecordFollower } from "./record-follower.ts";
import { KV_EVENTS } from "./topics.ts";
import type { EventTransport } from "./transport.ts";

export interface KvEventsListenerOptions {
  readonly manager: NetworkManager;
  readonly transport: EventTransport;
  readonly endpoint: EndpointName;
  readonly router: KvRouter;
  readonly index: PrefixIndex;
  readonly logger: Logger;
}

/**
 * Brings the KV events of all ranks of an endpoint into the index of a router. A rank's events count when it has
 * both a channel and a source: the source says whose they are, and whom to ask for those that are missed.
 */
export class KvEventsListener {
  readonly #options: KvEventsListenerOptions;
  readonly #intakes = new Map<bigint, EventIntake>();
  /** Of ranks that are gone. */
  readonly #past = noCounts();
  readonly #channels: ChannelListener;
  readonly #sources: RecordFollower;

  constructor(options: KvEventsListenerOptions) {
    this.#options = options;
    const { manager, transport, endpoint, logger } = options;
    const { discovery } = manager;
    const common = { discovery, transport, endpoint, topic: KV_EVENTS, logger };
    this.#channels = new ChannelListener({
      ...common,
      onEnvelope: (envelope) => this.#take(envelope),
      onListening: (publisherIds) => {
        for (const id of publisherIds) this.#intakes.get(id)?.catchUp();
      },
    });
    const follower = {
      onAdded: (record: DiscoveryRecord) => this.#add(record),
      onRemoved: (record: DiscoveryRecord) => this.#remove(record),
    };
    const query = { type: "EventSource", ...endpoint, topic: KV_EVENTS } as const;
    this.#sources = new RecordFollower(discovery, query, follower, logger);
  }

  get channels(): number {
    return this.#channels.size;
  }

  get sources(): number {
    return this.#intakes.size;
  }

  get counts(): IntakeCounts {
    return [...this.#intakes.values()].reduce((sum, { counts }) => added(sum, counts), this.#past);
  }

  async settled(): Promise<void> {
    await Promise.all([...this.#intakes.values()].map((intake) => intake.settled()));
  }

  async close(): Promise<void> {
    await this.#sources.close();
    await this.#channels.close();
    for (const intake of this.#intakes.values()) intake.close();
    this.#intakes.clear();
  }

  #add(record: DiscoveryRecord): void {
    if (!isEventSourceRecord(record)) return;
    const { manager, router, index, logger } = this.#options;
    const { source, target } = kvSourceOf(record);
    if (!target) {
      const facts = { worker: source.workerId.toString(16), dpRank: source.dpRank };
      logger.warn(facts, "A worker can't be asked for its KV state: what is missed stays missing");
    }
    const recovery = target && recoveryFrom(manager, target);
    const intake = new EventIntake({ index, slots: router.slots }, source, {
      ...(recovery && { recovery }),
      logger,
    });
    this.#intakes.set(source.publisherId, intake);
  }

  #remove({ instance_id: publisherId }: DiscoveryRecord): void {
    const intake = this.#intakes.get(publisherId);
    if (!intake) return;
    intake.close();
    this.#intakes.delete(publisherId);
    Object.assign(this.#past, added(this.#past, intake.counts));
    // What came after the worker itself had left would stay for ever. Otherwise it goes with its worker.
    const { router } = this.#options;
    const { workerId } = intake.source;
    if (!router.workers.get(workerId)) router.removeWorker(workerId);
  }

  #take({ publisherId, payload }: EventEnvelope): void {
    this.#intakes.get(publisherId)?.take(decodeKvEvents(payload));
  }
}

export function noCounts(): IntakeCounts {
  return { applied: 0, seen: 0, gaps: 0, recoveries: 0, failedRecoveries: 0, unknownParents: 0 };
}

function added(one: IntakeCounts, other: IntakeCounts): IntakeCounts {
  return {
    applied: one.applied + other.applied,
    seen: one.seen + other.seen,
    gaps: one.gaps + other.gaps,
    recoveries: one.recoveries + other.recoveries,
    failedRecoveries: one.failedRecoveries + other.failedRecoveries,
    unknownParents: one.unknownParents + other.unknownParents,
  };
}
