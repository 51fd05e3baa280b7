import { isEventChannelRecord } from "@dynamo/discovery";
import type { EventChannelRecord } from "@dynamo/discovery";
import type { EventEnvelope } from "@dynamo/kv-router/wire";
import type { Discovery, DiscoveryRecord, EndpointName, Logger } from "@dynamo/request-plane-core";
import { RecordFollower } from "./record-follower.ts";
import type { EnvelopeListener, EventTransport } from "./transport.ts";

export interface ChannelListenerOptions {
  readonly discovery: Discovery;
  readonly transport: EventTransport;
  readonly endpoint: EndpointName;
  readonly topic: string;
  /** A publisher of this process, whose messages need no way around. */
  readonly except?: bigint | undefined;
  /** May throw for a message that makes no sense, which is reported. */
  readonly onEnvelope: (envelope: EventEnvelope) => void;
  /** These can be heard from now on; what they said before may be lost. */
  readonly onListening?: (publisherIds: readonly bigint[]) => void;
  /** A publisher has left discovery. */
  readonly onGone?: (publisherId: bigint) => void;
  readonly logger: Logger;
}

/** Hears all who publish about one topic of an endpoint, as discovery shows them. */
export class ChannelListener {
  readonly #options: ChannelListenerOptions;
  readonly #channels = new Map<bigint, EventChannelRecord>();
  readonly #listener: EnvelopeListener;
  readonly #follower: RecordFollower;
  /** What was said about messages that are none, and of publishers whose last message made no sense. */
  #lastProblem = "";
  readonly #problems = new Map<bigint, string>();

  constructor(options: ChannelListenerOptions) {
    this.#options = options;
    const { discovery, transport, endpoint, topic, logger } = options;
    this.#listener = transport.listener(topic, {
      onEnvelope: (envelope) => this.#take(envelope),
      onListening: (publisherIds) => options.onListening?.(publisherIds),
      onProblem: (problem) => this.#report(problem),
    });
    const follower = {
      onAdded: (record: DiscoveryRecord) => this.#add(record),
      onRemoved: (record: DiscoveryRecord) => this.#remove(record),
    };
    const query = { type: "EventChannel", ...endpoint, topic } as const;
    this.#follower = new RecordFollower(discovery, query, follower, logger);
  }

  get size(): number {
    return this.#channels.size;
  }

  async close(): Promise<void> {
    await this.#follower.close();
    await this.#listener.close();
    this.#channels.clear();
  }

  #add(record: DiscoveryRecord): void {
    const { transport, except } = this.#options;
    if (!isEventChannelRecord(record) || record.instance_id === except) return;
    if (record.transport.kind !== transport.kind) {
      const message =
        `it publishes over ${record.transport.kind}, and this process listens to ${transport.kind}: ` +
        "set DYN_EVENT_PLANE alike for all";
      throw new Error(message);
    }
    this.#listener.add(record);
    this.#channels.set(record.instance_id, record);
  }

  #remove({ instance_id: id }: DiscoveryRecord): void {
    const known = this.#channels.get(id);
    if (!known) return;
    this.#channels.delete(id);
    this.#problems.delete(id);
    this.#listener.remove(known);
    this.#options.onGone?.(id);
  }

  #take(envelope: EventEnvelope): void {
    const { publisherId } = envelope;
    if (!this.#channels.has(publisherId)) return;
    try {
      this.#options.onEnvelope(envelope);
      this.#problems.delete(publisherId);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem === this.#problems.get(publisherId)) return;
      this.#problems.set(publisherId, problem);
      this.#warn(problem, { publisher: publisherId.toString(16) });
    }
  }

  #report(problem: string): void {
    if (problem === this.#lastProblem) return;
    this.#lastProblem = problem;
    this.#warn(problem);
  }

  #warn(problem: string, facts: object = {}): void {
    const { topic, logger } = this.#options;
    logger.warn({ topic, ...facts, problem }, `Trouble with events of ${topic}: ${problem}`);
  }
}
