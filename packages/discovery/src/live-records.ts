/**
 * The records of one place that are alive now, and those who watch them.
 */
import { matchesQuery } from "@dynamo/request-plane-core";
import type { DiscoveryQuery, DiscoveryRecord } from "@dynamo/request-plane-core";
import type { LiveRecord } from "./live-record.ts";
import { RecordWatch } from "./record-watch.ts";

export class LiveRecords {
  readonly #records = new Map<string, LiveRecord>();
  readonly #watches = new Set<RecordWatch>();

  get(key: string): LiveRecord | undefined {
    return this.#records.get(key);
  }

  keys(): string[] {
    return [...this.#records.keys()];
  }

  set(key: string, live: LiveRecord): void {
    this.#records.set(key, live);
    this.#tellWatches(key);
  }

  delete(key: string): void {
    if (this.#records.delete(key)) this.#tellWatches(key);
  }

  clear(): void {
    for (const key of this.#records.keys()) this.delete(key);
  }

  list(query: DiscoveryQuery): DiscoveryRecord[] {
    return [...this.#records.values()]
      .map(({ record }) => record)
      .filter((record) => matchesQuery(record, query));
  }

  /** `onEnd` is called once, when the watch has ended for whatever reason. */
  watch(query: DiscoveryQuery, onEnd: () => void = () => undefined): RecordWatch {
    const watch: RecordWatch = new RecordWatch(this.#records, query, () => {
      this.#watches.delete(watch);
      onEnd();
    });
    this.#watches.add(watch);
    return watch;
  }

  get isWatched(): boolean {
    return this.#watches.size > 0;
  }

  endWatches(): void {
    for (const watch of [...this.#watches]) watch.end();
  }

  #tellWatches(key: string): void {
    for (const watch of this.#watches) watch.look(key);
  }
}
