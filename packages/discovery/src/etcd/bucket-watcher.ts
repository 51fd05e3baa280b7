/**
 * Keeps a picture of one bucket up to date for as long as somebody watches it.
 *
 * It reads the bucket once and then follows etcd's events. After a lost connection it goes on with the events
 * that it missed; where etcd doesn't have those any more (they were compacted, or it is another etcd), it reads
 * the bucket again and tells the difference. While etcd is away the picture stays as it is.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ClientDuplexStream } from "@grpc/grpc-js";
import type { DiscoveryQuery, Logger } from "@dynamo/request-plane-core";
import { LiveRecords } from "../live-records.ts";
import type { RecordWatch } from "../record-watch.ts";
import { textOf } from "../text-of.ts";
import { ETCD } from "./api.ts";
import type { WatchRequest, WatchResponse } from "./api.ts";
import type { Bucket, Snapshot } from "./bucket.ts";
import type { EtcdConnection } from "./connection.ts";

export interface WatcherOptions {
  readonly connection: EtcdConnection;
  readonly bucket: Bucket;
  /** How long records may take to come back to an etcd that lost them, in milliseconds. */
  readonly graceMs: number;
  readonly logger: Logger;
  /** Called once, when the last watch has ended. */
  readonly onIdle: () => void;
}

/** Between two attempts; half of it is left to chance. */
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 2_000;

/** Up to where the picture is true: a revision, and the cluster that counts it. */
interface Position {
  readonly clusterId: string;
  readonly revision: bigint;
}

export class BucketWatcher {
  readonly #options: WatcherOptions;
  readonly #live = new LiveRecords();
  /** Keys that etcd lost, and when they are given up. */
  readonly #lost = new Map<string, NodeJS.Timeout>();
  readonly #stopped = new AbortController();
  #position: Position | undefined;
  #trouble: string | undefined;

  /** Starts at once. */
  constructor(options: WatcherOptions) {
    this.#options = options;
    void this.#run();
  }

  watch(query: DiscoveryQuery, onEnd: () => void): RecordWatch {
    return this.#live.watch(query, () => {
      onEnd();
      if (!this.#live.isWatched) this.stop();
    });
  }

  /** Ends all watches. */
  stop(): void {
    if (this.#stopped.signal.aborted) return;
    this.#stopped.abort();
    for (const timer of this.#lost.values()) clearTimeout(timer);
    this.#lost.clear();
    this.#live.endWatches();
    this.#options.onIdle();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      try {
        await this.#catchUp();
        retryMs = FIRST_RETRY_MS;
        await this.#follow();
      } catch (error) {
        if (signal.aborted) return;
        this.#report(error);
        await sleep(retryMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
        retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS);
      }
    }
  }

  /** Reads the bucket, unless the events since the last one seen are still to be had. */
  async #catchUp(): Promise<void> {
    const { connection, bucket } = this.#options;
    const last = this.#position;
    if (last) {
      const { header } = await connection.call(ETCD.range, { ...bucket.range, limit: 1 });
      if (header.clusterId === last.clusterId && BigInt(header.revision) >= last.revision) return;
    }
    const snapshot = await bucket.readAll(connection);
    if (!this.#stopped.signal.aborted) this.#adopt(snapshot, last !== undefined);
  }

  /** `isAnotherEtcd`: the workers don't know yet that they have to register again. */
  #adopt({ records, clusterId, revision }: Snapshot, isAnotherEtcd: boolean): void {
    for (const key of this.#live.keys()) {
      if (records.has(key) || this.#lost.has(key)) continue;
      if (isAnotherEtcd)
        this.#lost.set(
          key,
          setTimeout(() => this.#delete(key), this.#options.graceMs),
        );
      else this.#delete(key);
    }
    for (const [key, live] of records) {
      this.#isBack(key);
      this.#live.set(key, live);
    }
    this.#position = { clusterId, revision: BigInt(revision) };
  }

  /** Resolves when the missed events are not to be had any more; rejects when the connection is lost. */
  async #follow(): Promise<void> {
    const stream = await this.#options.connection.stream(ETCD.watch);
    const cancel = (): void => stream.cancel();
    this.#stopped.signal.addEventListener("abort", cancel);
    try {
      const startRevision = String((this.#position?.revision ?? 0n) + 1n);
      const { range } = this.#options.bucket;
      stream.write({ createRequest: { ...range, startRevision, progressNotify: true } });
      await this.#readEvents(stream);
    } finally {
      this.#stopped.signal.removeEventListener("abort", cancel);
      stream.cancel();
    }
  }

  async #readEvents(stream: ClientDuplexStream<WatchRequest, WatchResponse>): Promise<void> {
    for await (const value of stream) {
      const response = value as WatchResponse;
      if (response.canceled && response.compactRevision !== "0") {
        this.#position = undefined;
        return;
      }
      if (response.canceled) throw new Error(response.cancelReason);
      if (response.created) this.#report();
      else this.#apply(response);
    }
    throw new Error("the connection was closed");
  }

  #apply({ header: { clusterId, revision }, events }: WatchResponse): void {
    for (const { type, kv } of events) {
      const key = kv.key.toString();
      const live = type === "PUT" ? this.#options.bucket.decode(kv) : undefined;
      // A value that broke keeps its last good record for as long as its key is kept alive.
      if (live) this.#live.set(key, live);
      if (type === "PUT") this.#isBack(key);
      else this.#delete(key);
    }
    // While a watch catches up, the header is ahead of the events; without any it says how far the watch is.
    const reached = events.at(-1)?.kv.modRevision ?? revision;
    this.#position = { clusterId, revision: BigInt(reached) };
  }

  #delete(key: string): void {
    this.#isBack(key);
    this.#options.bucket.forget(key);
    this.#live.delete(key);
  }

  #isBack(key: string): void {
    clearTimeout(this.#lost.get(key));
    this.#lost.delete(key);
  }

  #report(error?: unknown): void {
    const trouble = error === undefined ? undefined : textOf(error);
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    const { logger, connection } = this.#options;
    const facts = { etcd: connection.shown, trouble };
    if (trouble === undefined) logger.info(facts, "etcd is watched again");
    else logger.warn(facts, `Trouble with watching etcd at ${connection.shown}: ${trouble}`);
  }
}
