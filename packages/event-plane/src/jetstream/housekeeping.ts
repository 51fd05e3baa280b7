import { setTimeout as sleep } from "node:timers/promises";
import type { ConsumerInfo, JetStreamManager } from "@nats-io/jetstream";
import type { KvRouter } from "@dynamo/kv-router";
import type { Logger } from "@dynamo/request-plane-core";
import type { NatsLink } from "@dynamo/request-plane-nats/connection";
import type { JetStreamNames } from "./names.ts";
import type { RouterRegistry } from "./router-registry.ts";
import { managerOf } from "./stream.ts";
import type { StateStore } from "./state-store.ts";

/** How often it is looked whether the stream is too long; up to half of it is left to chance, as others look too. */
const LOOK_MS = 1_000;
/** How often routers that are gone are looked for: a key that is missing twice is not one that etcd lost for a moment. */
const LOOKS_PER_CENSUS = 5;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface HousekeepingOptions {
  readonly link: NatsLink;
  readonly names: JetStreamNames;
  readonly router: KvRouter;
  readonly store: StateStore;
  readonly registry: RouterRegistry | undefined;
  /** Messages in the stream above which the state is saved. */
  readonly snapshotThreshold: number;
  readonly onRouterGone: (uuid: string) => void;
  readonly logger: Logger;
}

/** Keeps the stream short, by leaving the state for others, and takes away what belongs to routers that are gone. */
export class Housekeeping {
  readonly #options: HousekeepingOptions;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #missing = new Set<string>();
  #strangers = new Set<bigint>();
  #lastProblem = "";

  constructor(options: HousekeepingOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    for (let look = 0; !signal.aborted; look++) {
      try {
        await this.#look(look % LOOKS_PER_CENSUS === 0);
        this.#lastProblem = "";
      } catch (error) {
        this.#report(error);
      }
      await sleep(LOOK_MS * (1 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
    }
  }

  async #look(isCensus: boolean): Promise<void> {
    const { link } = this.#options;
    if (!link.current) return;
    const manager = await managerOf(link);
    if (isCensus) {
      this.#forgetStrangers();
      await this.#census(manager);
    }
    const { names, snapshotThreshold } = this.#options;
    const { state } = await manager.streams.info(names.stream);
    if (state.messages > snapshotThreshold) await this.#save(manager, state.first_seq);
  }

  /** Saves first: whoever comes between takes the newer state and hears the rest again, which does no harm. */
  async #save(manager: JetStreamManager, firstSequence: number): Promise<void> {
    const { names, router, store } = this.#options;
    if (!router.events || router.workers.ranks.length === 0) return;
    const consumers = await consumersOf(manager, names);
    const taken = Math.min(...consumers.map(({ ack_floor: floor }) => floor.stream_seq));
    // What some router hasn't taken yet has to stay.
    if (consumers.length === 0 || taken < firstSequence) return;
    await store.save(router.events.dump());
    await manager.streams.purge(names.stream, { seq: taken + 1 });
  }

  /** Workers that were unknown twice are gone, and not about to be found: their events may come long after them. */
  #forgetStrangers(): void {
    const { router } = this.#options;
    if (router.workers.ranks.length === 0) return;
    const ranks = Array.from({ length: router.slots.limit }, (_, slot) => router.slots.at(slot));
    const strangers = ranks
      .flatMap((rank) => rank?.workerId ?? [])
      .filter((id) => router.workers.get(id) === undefined);
    for (const id of strangers) if (this.#strangers.has(id)) router.removeWorker(id);
    this.#strangers = new Set(strangers);
  }

  async #census(manager: JetStreamManager): Promise<void> {
    const { names, registry, onRouterGone } = this.#options;
    if (!registry) return;
    const alive = await registry.alive();
    const missing = (await consumersOf(manager, names))
      .map(({ name }) => name)
      .filter((name) => UUID.test(name) && !alive.has(name));
    for (const uuid of missing) {
      if (!this.#missing.has(uuid)) continue;
      onRouterGone(uuid);
      await manager.consumers.delete(names.stream, uuid);
    }
    this.#missing = new Set(missing);
  }

  #report(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error);
    if (problem === this.#lastProblem || this.#closing.signal.aborted) return;
    this.#lastProblem = problem;
    this.#options.logger.warn({ problem }, `The state of KV events could not be looked after: ${problem}`);
  }
}

async function consumersOf(
  { consumers }: JetStreamManager,
  { stream }: JetStreamNames,
): Promise<ConsumerInfo[]> {
  const all: ConsumerInfo[] = [];
  // The server lists `null` for one that it is deleting, which the declared type hides.
  for await (const info of consumers.list(stream) as AsyncIterable<ConsumerInfo | null>) {
    if (info) all.push(info);
  }
  return all;
}
