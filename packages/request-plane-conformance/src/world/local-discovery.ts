import { matchesQuery } from "@dynamo/request-plane-core";
import type {
  Discovery,
  DiscoveryEvent,
  DiscoveryQuery,
  DiscoveryRecord,
  Registration,
} from "@dynamo/request-plane-core";

type Watcher = (event: DiscoveryEvent) => void;

/** Discovery of one case: workers register in it, and the case may put, change and take away what it likes. */
export class LocalDiscovery implements Discovery {
  readonly name = "conformance";
  readonly #records = new Map<string, DiscoveryRecord>();
  readonly #watchers = new Set<Watcher>();

  get size(): number {
    return this.#records.size;
  }

  put(record: DiscoveryRecord): void {
    const key = keyOf(record);
    const kind = this.#records.has(key) ? "changed" : "added";
    this.#records.set(key, record);
    this.#tell({ kind, record });
  }

  remove(record: DiscoveryRecord): void {
    const key = keyOf(record);
    const known = this.#records.get(key);
    if (!known) return;
    this.#records.delete(key);
    this.#tell({ kind: "removed", record: known });
  }

  async register(record: DiscoveryRecord): Promise<Registration> {
    this.put(record);
    return { record, unregister: async () => this.remove(record) };
  }

  async list(query: DiscoveryQuery): Promise<DiscoveryRecord[]> {
    return [...this.#records.values()].filter((record) => matchesQuery(record, query));
  }

  async *watch(query: DiscoveryQuery, signal?: AbortSignal): AsyncGenerator<DiscoveryEvent, void> {
    const events: DiscoveryEvent[] = (await this.list(query)).map((record) => ({ kind: "added", record }));
    let wake: () => void = () => undefined;
    const watcher: Watcher = (event) => {
      if (matchesQuery(event.record, query)) events.push(event);
      wake();
    };
    const end = (): void => wake();
    this.#watchers.add(watcher);
    signal?.addEventListener("abort", end);
    try {
      while (!signal?.aborted) {
        const event = events.shift();
        if (event) yield event;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.#watchers.delete(watcher);
      signal?.removeEventListener("abort", end);
    }
  }

  async close(): Promise<void> {
    this.#records.clear();
  }

  #tell(event: DiscoveryEvent): void {
    for (const watcher of [...this.#watchers]) watcher(event);
  }
}

function keyOf({ type, namespace, component, endpoint, instance_id: id }: DiscoveryRecord): string {
  return JSON.stringify([type, namespace, component, endpoint, id.toString()]);
}
