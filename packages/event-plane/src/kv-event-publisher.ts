import { eventSourceRecord } from "@dynamo/discovery";
import type { KvChange, KvEvent, WorkerRank } from "@dynamo/kv-router";
import { decodeRecoveryRequest, encodeKvEvents, recoveryReply } from "@dynamo/kv-router/wire";
import { AnnotatedItem, RequestPlaneError } from "@dynamo/request-plane-core";
import type {
  EndpointName,
  Instance,
  NetworkManager,
  Registration,
  ServedEndpoint,
} from "@dynamo/request-plane-core";
import { Channel } from "./channel.ts";
import { EventLog } from "./event-log.ts";
import { KV_EVENTS, recoveryEndpoint } from "./topics.ts";
import type { EventTransport } from "./transport.ts";

/** What goes into one message, as in Dynamo. */
const MAX_EVENTS = 128;
const MAX_BLOCKS = 8192;

/** Running questions need no time to finish: whoever asks gets an error, and asks somebody else or nobody. */
const DRAIN_MS = 1_000;

export interface KvEventPublisherOptions {
  readonly manager: NetworkManager;
  readonly transport: EventTransport;
  /** The instance that requests go to. */
  readonly worker: Instance;
  readonly dpRank: number;
  /** The plane on which the worker can be asked; the manager's own unless told. */
  readonly plane: string | undefined;
}

/** Tells routers about the KV cache of one rank, and answers those who missed something. */
export class KvEventPublisher {
  readonly #log: EventLog;
  readonly #channel: Channel;
  readonly #recovery: ServedEndpoint;
  readonly #source: Registration;
  #batch: KvEvent[] = [];
  #blocks = 0;
  #flushing: NodeJS.Immediate | undefined;

  private constructor(log: EventLog, channel: Channel, recovery: ServedEndpoint, source: Registration) {
    this.#log = log;
    this.#channel = channel;
    this.#recovery = recovery;
    this.#source = source;
  }

  static async open(options: KvEventPublisherOptions): Promise<KvEventPublisher> {
    const { manager, transport, worker, dpRank } = options;
    const { discovery } = manager;
    const endpoint = nameOf(worker);
    const rank = { workerId: worker.instance_id, dpRank };
    const log = new EventLog(rank);
    // To hear the last event again is nothing, unless it shows that some before it are missing.
    const onRestored = (): void => {
      if (log.last) channel.publish(encodeKvEvents([log.last]));
    };
    const channel = await Channel.open({ discovery, transport, endpoint, topic: KV_EVENTS, onRestored });
    const opened = [() => channel.close()];
    try {
      const recovery = await serveRecovery(options, rank, { log, publisherId: channel.publisherId });
      opened.unshift(() => recovery.close({ drainMs: DRAIN_MS }));
      const metadata = sourceMetadata(endpoint, rank, channel.publisherId, recovery.instance);
      const publisher = { endpoint, topic: KV_EVENTS, publisherId: channel.publisherId };
      const source = await discovery.register(eventSourceRecord(publisher, metadata));
      return new KvEventPublisher(log, channel, recovery, source);
    } catch (error) {
      for (const close of opened) await close();
      throw error;
    }
  }

  publish(change: KvChange): number {
    const event = this.#log.append(change);
    const blocks = "blockHashes" in change ? change.blockHashes.length : 0;
    if (this.#batch.length >= MAX_EVENTS || this.#blocks + blocks > MAX_BLOCKS) this.#flush();
    this.#batch.push(event);
    this.#blocks += blocks;
    this.#flushing ??= setImmediate(() => this.#flush());
    return event.eventId;
  }

  /** Routers stop to count on the cache first, then the worker can't be asked any more. */
  async close(): Promise<void> {
    this.#flush();
    await this.#source.unregister();
    await this.#channel.close();
    await this.#recovery.close({ drainMs: DRAIN_MS });
  }

  #flush(): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    if (this.#batch.length > 0) this.#channel.publish(encodeKvEvents(this.#batch));
    this.#batch = [];
    this.#blocks = 0;
  }
}

/** Replies stand where other endpoints have an item with its envelope. */
function serveRecovery(
  { manager, worker, plane }: KvEventPublisherOptions,
  rank: WorkerRank,
  { log, publisherId }: { readonly log: EventLog; readonly publisherId: bigint },
): Promise<ServedEndpoint> {
  const answer = (body: unknown): AnnotatedItem[] => {
    const question = decodeRecoveryRequest(body);
    if (question.workerId !== rank.workerId || question.dpRank !== rank.dpRank) {
      const asked = `${question.workerId.toString(16)}/${question.dpRank}`;
      throw new RequestPlaneError("invalid_argument", `This endpoint doesn't tell about the worker ${asked}`);
    }
    return [new AnnotatedItem(recoveryReply(log.answer(question)))];
  };
  return manager.endpoint(recoveryEndpoint(nameOf(worker), publisherId)).serve(answer, {
    instanceId: worker.instance_id,
    ...(plane !== undefined && { plane }),
  });
}

function sourceMetadata(
  { namespace, component, endpoint }: EndpointName,
  { workerId, dpRank }: WorkerRank,
  publisherId: bigint,
  recoveryTarget: Instance,
): Record<string, unknown> {
  return {
    kv_state_endpoint: { namespace, component, name: endpoint },
    worker: { worker_id: workerId, dp_rank: dpRank },
    publisher_id: publisherId,
    recovery_target: recoveryTarget,
  };
}

export function nameOf({ namespace, component, endpoint }: EndpointName): EndpointName {
  return { namespace, component, endpoint };
}
