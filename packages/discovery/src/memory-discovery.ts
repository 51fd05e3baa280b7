/**
 * Discovery within one process.
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type {
  Discovery,
  DiscoveryEvent,
  DiscoveryQuery,
  DiscoveryRecord,
  Registration,
} from "@dynamo/request-plane-core";
import { snapshotOf } from "./live-record.ts";
import { LiveRecords } from "./live-records.ts";
import { recordKey } from "./record-key.ts";
import { watchable } from "./watchable.ts";

/**
 * Records live in the object that is returned, and nowhere else. Give the same object to every manager that
 * should see them; the one who made it closes it, when all of them are done.
 */
export function memoryDiscovery(): Discovery {
  return new MemoryDiscovery();
}

class MemoryDiscovery implements Discovery {
  readonly name = "mem";
  readonly #live = new LiveRecords();
  #isClosed = false;

  async register(given: DiscoveryRecord): Promise<Registration> {
    this.#assertOpen();
    const live = snapshotOf(given);
    const key = recordKey(live.record);
    this.#live.set(key, live);
    return {
      record: live.record,
      unregister: async () => {
        if (this.#live.get(key) === live) this.#live.delete(key);
      },
    };
  }

  async list(query: DiscoveryQuery): Promise<DiscoveryRecord[]> {
    this.#assertOpen();
    return this.#live.list(query);
  }

  watch(query: DiscoveryQuery, signal?: AbortSignal): AsyncIterable<DiscoveryEvent> {
    this.#assertOpen();
    return watchable(signal, (onEnd) => (this.#isClosed ? undefined : this.#live.watch(query, onEnd)));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#live.endWatches();
    this.#live.clear();
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new RequestPlaneError("closed", "This memory discovery is closed.");
  }
}
