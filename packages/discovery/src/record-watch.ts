/**
 * One consumer's view of a set of records that changes.
 *
 * It keeps no queue of events. It knows what its consumer was told last and which keys differ from that, and
 * makes the event when the consumer asks. So a slow consumer costs at most one entry per key, and always gets
 * the net effect: a record that came and went in between was never there.
 */
import { matchesQuery } from "@dynamo/request-plane-core";
import type { DiscoveryEvent, DiscoveryQuery } from "@dynamo/request-plane-core";
import type { LiveRecord } from "./live-record.ts";

type Result = IteratorResult<DiscoveryEvent, undefined>;

const DONE: Result = { done: true, value: undefined };

export class RecordWatch implements AsyncIterableIterator<DiscoveryEvent, undefined> {
  readonly #records: ReadonlyMap<string, LiveRecord>;
  readonly #query: DiscoveryQuery;
  readonly #onEnd: () => void;
  readonly #told = new Map<string, LiveRecord>();
  readonly #untold = new Set<string>();
  readonly #waiting: ((result: Result) => void)[] = [];
  #ended = false;

  constructor(records: ReadonlyMap<string, LiveRecord>, query: DiscoveryQuery, onEnd: () => void) {
    this.#records = records;
    this.#query = query;
    this.#onEnd = onEnd;
    for (const key of records.keys()) this.look(key);
  }

  /** The record under this key came, changed or went. */
  look(key: string): void {
    if (this.#eventFor(key)) this.#untold.add(key);
    else this.#untold.delete(key);
    if (this.#untold.size > 0 && this.#waiting.length > 0) this.#waiting.shift()?.(this.#take());
  }

  next(): Promise<Result> {
    if (this.#ended || this.#untold.size > 0) return Promise.resolve(this.#take());
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<Result> {
    this.end();
    return Promise.resolve(DONE);
  }

  /** What was not told yet is dropped. Calling it again does nothing. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#untold.clear();
    this.#told.clear();
    for (const resolve of this.#waiting.splice(0)) resolve(DONE);
    this.#onEnd();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(): Result {
    for (const key of this.#untold) {
      this.#untold.delete(key);
      const event = this.#eventFor(key);
      if (event) return this.#tell(key, event);
    }
    return DONE;
  }

  #tell(key: string, event: DiscoveryEvent): Result {
    const live = this.#wanted(key);
    if (live) this.#told.set(key, live);
    else this.#told.delete(key);
    return { done: false, value: event };
  }

  #eventFor(key: string): DiscoveryEvent | undefined {
    const before = this.#told.get(key);
    const now = this.#wanted(key);
    if (now === undefined) return before && { kind: "removed", record: before.record };
    if (before === undefined) return { kind: "added", record: now.record };
    return before.text === now.text ? undefined : { kind: "changed", record: now.record };
  }

  #wanted(key: string): LiveRecord | undefined {
    const live = this.#records.get(key);
    return live && matchesQuery(live.record, this.#query) ? live : undefined;
  }
}
