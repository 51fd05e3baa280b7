import { setTimeout as sleep } from "node:timers/promises";
import { Objm } from "@nats-io/obj";
import type { ObjectStore } from "@nats-io/obj";
import type { KvEvent } from "@dynamo/kv-router";
import { decodeSnapshot, encodeSnapshot } from "@dynamo/kv-router/wire";
import type { NatsLink } from "@dynamo/request-plane-nats/connection";
import type { JetStreamNames } from "./names.ts";
import { managerOf } from "./stream.ts";

/** Somebody may be writing: two readings so far apart that agree are whole. */
const BETWEEN_READINGS_MS = 100;
const MOST_READINGS = 10;

/** `problem` says why a state of somebody else can't be read: since 1.2 Dynamo writes another form. */
export type SavedState = { readonly events: readonly KvEvent[] } | { readonly problem: string };

/** What routers leave for those that come later: an object with all blocks of all workers. */
export class StateStore {
  readonly #link: NatsLink;
  readonly #names: JetStreamNames;

  constructor(link: NatsLink, names: JetStreamNames) {
    this.#link = link;
    this.#names = names;
  }

  /** What was left; nothing when there is none. Rejects when the store can't be read. */
  async load(): Promise<SavedState> {
    const store = await this.#store();
    let before = await store.getBlob(this.#names.object);
    for (let reading = 1; reading < MOST_READINGS; reading++) {
      await sleep(BETWEEN_READINGS_MS);
      const now = await store.getBlob(this.#names.object);
      const isSame = before && now ? Buffer.compare(before, now) === 0 : before === now;
      before = now;
      if (isSame) break;
    }
    return before ? read(before) : { events: [] };
  }

  async save(events: Iterable<KvEvent>): Promise<void> {
    const store = await this.#store();
    await store.putBlob({ name: this.#names.object }, encodeSnapshot(events));
  }

  /** Throws away what was left, and what the stream holds. */
  async reset(): Promise<void> {
    const { streams } = await managerOf(this.#link);
    await streams.purge(this.#names.stream);
    const store = await this.#store();
    await store.destroy();
  }

  async #store(): Promise<ObjectStore> {
    return new Objm(await this.#link.connect()).create(this.#names.bucket);
  }
}

function read(blob: Uint8Array): SavedState {
  try {
    return { events: decodeSnapshot(blob) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
