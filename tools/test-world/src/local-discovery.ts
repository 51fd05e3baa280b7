import { matchesQuery } from "@dynamo/request-plane-core";
import type {
  Discovery,
  DiscoveryEvent,
  DiscoveryQuery,
  DiscoveryRecord,
  Registration,
} from "@dynamo/request-plane-core";

/** Discovery of one test: records can also be put and taken away by hand. */
export class LocalDiscovery implements Discovery {
  readonly name = "test";
  readonly #records = new Map<string, DiscoveryRecord>();
  readonly #watchers = new Set<(event: DiscoveryEvent) => void>();
  /** What `register` waits for, for tests that look at what happens meanwhile. */
  gate: Promise<void> = Promise.resolve();

  get size(): number {
    return this.#records.size;
  }

  put(record: DiscoveryRecord): void {
    const kind = this.#records.has(keyOf(record)) ? "changed" : "added";
    this.#records.set(keyOf(record), record);
    this.#tell({ kind, record });
  }

  remove(record: DiscoveryRecord): void {
    if (this.#records.delete(keyOf(record))) this.#tell({ kind: "removed", record });
  }

  async register(record: DiscoveryRecord): Promise<Registration> {
    await this.gate;
    this.put(record);
    return { record, unregister: async () => this.remove(record) };
  }

  async list(query: DiscoveryQuery): Promise<DiscoveryRecord[]> {
    return [...this.#records.values()].filter((record) => matchesQuery(record, query));
  }

  async *watch(query: DiscoveryQuery, signal?: AbortSignal): AsyncGenerator<DiscoveryEvent> {
    const queue: DiscoveryEvent[] = (await this.list(query)).map((record) => ({ kind: "added", record }));
    let wake = (): void => undefined;
    const watcher = (event: DiscoveryEvent): void => {
      if (matchesQuery(event.record, query)) queue.push(event);
      wake();
    };
    const stop = (): void => wake();
    this.#watchers.add(watcher);
    signal?.addEventListener("abort", stop);
    try {
      while (signal?.aborted !== true) {
        const event = queue.shift();
        if (event) yield event;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.#watchers.delete(watcher);
      signal?.removeEventListener("abort", stop);
    }
  }

  async close(): Promise<void> {
    this.#records.clear();
  }

  #tell(event: DiscoveryEvent): void {
    for (const watcher of this.#watchers) watcher(event);
  }
}

function keyOf({ type, namespace, component, endpoint, instance_id: id }: DiscoveryRecord): string {
  return [type, namespace, component, endpoint, id.toString(16)].join("/");
}
