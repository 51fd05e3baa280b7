import type { KvChange } from "@dynamo/kv-router";
import { encodeLoadReport } from "@dynamo/kv-router/wire";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { Instance, NetworkManager } from "@dynamo/request-plane-core";
import { Channel } from "./channel.ts";
import type { EngineLoadOfRank, WorkerEventOptions, WorkerEvents } from "./event-plane.ts";
import { KvEventPublisher, nameOf } from "./kv-event-publisher.ts";
import { LoadPublisher } from "./load-publisher.ts";
import { SequencePublisher } from "./sequence-publisher.ts";
import { ACTIVE_SEQUENCES, KV_METRICS } from "./topics.ts";
import type { EventTransport } from "./transport.ts";

export interface WorkerEventParts {
  readonly manager: NetworkManager;
  readonly transport: EventTransport;
  readonly plane: string | undefined;
}

/** What a worker of 1.4 and later tells: a channel for each topic, for KV events one for each rank. */
export class ChannelWorkerEvents implements WorkerEvents {
  readonly #workerId: bigint;
  readonly #ranks: ReadonlyMap<number, KvEventPublisher>;
  readonly #loads: Channel;
  readonly #load: LoadPublisher;
  readonly #sequences: SequencePublisher;
  #closing: Promise<void> | undefined;

  private constructor(
    workerId: bigint,
    ranks: ReadonlyMap<number, KvEventPublisher>,
    loads: Channel,
    sequences: SequencePublisher,
  ) {
    this.#workerId = workerId;
    this.#ranks = ranks;
    this.#loads = loads;
    this.#load = new LoadPublisher((load) => loads.publish(encodeLoadReport({ workerId, ...load })));
    this.#sequences = sequences;
  }

  static async open(
    { manager, transport, plane }: WorkerEventParts,
    worker: Instance,
    { dpRanks = [0] }: WorkerEventOptions,
  ): Promise<ChannelWorkerEvents> {
    const ranks = new Map<number, KvEventPublisher>();
    const opened: { close(): Promise<void> }[] = [];
    const channel = async (topic: string): Promise<Channel> => {
      const { discovery } = manager;
      const one = await Channel.open({ discovery, transport, endpoint: nameOf(worker), topic });
      opened.push(one);
      return one;
    };
    try {
      for (const dpRank of dpRanks) {
        const one = await KvEventPublisher.open({ manager, transport, worker, dpRank, plane });
        opened.push(one);
        ranks.set(dpRank, one);
      }
      const loads = await channel(KV_METRICS);
      const sequences = new SequencePublisher(await channel(ACTIVE_SEQUENCES), transport.maxSequenceEvents);
      return new ChannelWorkerEvents(worker.instance_id, ranks, loads, sequences);
    } catch (error) {
      await Promise.allSettled(opened.map((one) => one.close()));
      throw error;
    }
  }

  publishKv(dpRank: number, change: KvChange): number {
    const rank = this.#ranks.get(dpRank);
    if (!rank) throw new RequestPlaneError("invalid_argument", `The worker has no rank ${dpRank}`);
    return rank.publish(change);
  }

  reportLoad(load: EngineLoadOfRank): void {
    this.#load.report(load);
  }

  prefillCompleted(requestId: string, dpRank: number): void {
    const worker = { workerId: this.#workerId, dpRank };
    // As the mocker does, which has no id of a router.
    const routerId = this.#workerId;
    this.#sequences.publish({ requestId, worker, routerId, change: { kind: "prefill_completed" } });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#load.flush();
    const all = [...this.#ranks.values(), this.#loads, this.#sequences];
    const ends = await Promise.allSettled(all.map((one) => one.close()));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }
}
