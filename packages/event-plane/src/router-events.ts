import type { KvRouter, SequenceEvent } from "@dynamo/kv-router";
import { decodeLoadReport, decodeSequenceEvents } from "@dynamo/kv-router/wire";
import type { EventEnvelope } from "@dynamo/kv-router/wire";
import { defaultLogger } from "@dynamo/request-plane-core";
import type { EndpointName, NetworkManager } from "@dynamo/request-plane-core";
import { ChannelListener } from "./channel-listener.ts";
import { Channel } from "./channel.ts";
import type { RouterEventOptions, RouterEvents, RouterEventStatus } from "./event-plane.ts";
import { KvEventsListener, noCounts } from "./kv-events-listener.ts";
import { SequencePublisher } from "./sequence-publisher.ts";
import { ACTIVE_SEQUENCES, KV_METRICS } from "./topics.ts";
import type { EventTransport } from "./transport.ts";

export interface RouterEventParts {
  readonly manager: NetworkManager;
  readonly transport: EventTransport;
  readonly endpoint: EndpointName;
  readonly router: KvRouter;
}

/** What a router of 1.4 and later hears from the workers of an endpoint, and from other routers. */
export class ChannelRouterEvents implements RouterEvents {
  readonly #router: KvRouter;
  readonly #own: SequencePublisher | undefined;
  readonly #kv: KvEventsListener | undefined;
  readonly #loads: ChannelListener;
  readonly #sequences: ChannelListener;
  /** Routers by the publisher of their events. */
  readonly #routers = new Map<bigint, string | bigint>();
  #closing: Promise<void> | undefined;

  private constructor(
    parts: RouterEventParts,
    own: SequencePublisher | undefined,
    options: RouterEventOptions,
  ) {
    const { manager, transport, endpoint, router } = parts;
    const { logger = defaultLogger } = options;
    this.#router = router;
    this.#own = own;
    this.#kv = router.events && new KvEventsListener({ ...parts, index: router.events, logger });
    const common = { discovery: manager.discovery, transport, endpoint, logger };
    this.#loads = new ChannelListener({
      ...common,
      topic: KV_METRICS,
      onEnvelope: ({ payload }) => router.reportLoad(decodeLoadReport(payload)),
    });
    this.#sequences = new ChannelListener({
      ...common,
      topic: ACTIVE_SEQUENCES,
      except: own?.publisherId,
      onEnvelope: (envelope) => this.#takeSequences(envelope),
      onGone: (publisherId) => this.#dropRouter(publisherId),
    });
  }

  static async open(parts: RouterEventParts, options: RouterEventOptions): Promise<ChannelRouterEvents> {
    const { manager, transport, endpoint } = parts;
    const { discovery } = manager;
    const channel = { discovery, transport, endpoint, topic: ACTIVE_SEQUENCES };
    const own =
      options.replicaSync === true
        ? new SequencePublisher(await Channel.open(channel), transport.maxSequenceEvents)
        : undefined;
    return new ChannelRouterEvents(parts, own, options);
  }

  tell(event: SequenceEvent): void {
    this.#own?.publish(event);
  }

  async settled(): Promise<void> {
    await this.#kv?.settled();
  }

  status(): RouterEventStatus {
    return {
      channels: (this.#kv?.channels ?? 0) + this.#loads.size + this.#sequences.size,
      sources: this.#kv?.sources ?? 0,
      counts: this.#kv?.counts ?? noCounts(),
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const optional = [this.#own, this.#kv].filter((one) => one !== undefined);
    const all = [...optional, this.#loads, this.#sequences];
    const ends = await Promise.allSettled(all.map((one) => one.close()));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  #takeSequences({ publisherId, payload }: EventEnvelope): void {
    for (const event of decodeSequenceEvents(payload, this.#router.blockSize)) {
      this.#routers.set(publisherId, event.routerId);
      this.#router.active.apply(event);
    }
  }

  /** What a router that is gone has sent on ends, since nobody would say so. */
  #dropRouter(publisherId: bigint): void {
    const routerId = this.#routers.get(publisherId);
    this.#routers.delete(publisherId);
    if (routerId !== undefined) this.#router.active.dropRouter(routerId);
  }
}
