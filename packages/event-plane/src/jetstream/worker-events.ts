import type { KvChange } from "@dynamo/kv-router";
import { encodeLoadReportJson } from "@dynamo/kv-router/wire";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { Instance, Logger } from "@dynamo/request-plane-core";
import type { NatsLink } from "@dynamo/request-plane-nats/connection";
import type { EngineLoadOfRank, WorkerEventOptions, WorkerEvents } from "../event-plane.ts";
import { LoadPublisher } from "../load-publisher.ts";
import { KvEventQueue } from "./kv-event-queue.ts";
import { jetStreamNames } from "./names.ts";
import type { JetStreamNames } from "./names.ts";
import { ensureStream, managerOf } from "./stream.ts";

export interface JetStreamParts {
  readonly link: NatsLink;
  readonly maxAgeMs: number;
  readonly logger: Logger;
}

interface Rank {
  readonly queue: KvEventQueue;
  /** The first is 0. */
  nextEventId: number;
}

/** What a worker of 0.7 tells: KV events in a stream, load to whoever listens. */
export class JetStreamWorkerEvents implements WorkerEvents {
  readonly #workerId: bigint;
  readonly #ranks: ReadonlyMap<number, Rank>;
  readonly #load: LoadPublisher;
  readonly #link: NatsLink;
  #closing: Promise<void> | undefined;

  private constructor(
    { link, logger }: JetStreamParts,
    names: JetStreamNames,
    worker: Instance,
    dpRanks: readonly number[],
  ) {
    const workerId = worker.instance_id;
    this.#workerId = workerId;
    this.#link = link;
    this.#ranks = new Map(
      dpRanks.map((dpRank) => {
        const queue = new KvEventQueue({ link, subject: names.queue, logger });
        return [dpRank, { queue, nextEventId: 0 }];
      }),
    );
    this.#load = new LoadPublisher((load) =>
      link.current?.publish(names.loads, encodeLoadReportJson({ workerId, ...load })),
    );
  }

  static async open(
    parts: JetStreamParts,
    worker: Instance,
    { dpRanks = [0] }: WorkerEventOptions,
  ): Promise<JetStreamWorkerEvents> {
    const names = jetStreamNames(worker);
    await ensureStream(await managerOf(parts.link), names, parts.maxAgeMs);
    return new JetStreamWorkerEvents(parts, names, worker, dpRanks);
  }

  publishKv(dpRank: number, change: KvChange): number {
    const rank = this.#ranks.get(dpRank);
    if (!rank) throw new RequestPlaneError("invalid_argument", `The worker has no rank ${dpRank}`);
    const event = { workerId: this.#workerId, dpRank, eventId: rank.nextEventId++, change };
    if (!rank.queue.push(event)) return this.publishKv(dpRank, { kind: "cleared" });
    return event.eventId;
  }

  reportLoad(load: EngineLoadOfRank): void {
    this.#load.report(load);
  }

  /** Workers of 0.7 don't tell. */
  prefillCompleted(): void {
    /* See above. */
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#load.flush();
    await Promise.all([...this.#ranks.values()].map(({ queue }) => queue.close()));
    await this.#link.current?.flush().catch(() => undefined);
  }
}
