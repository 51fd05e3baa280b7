/**
 * Discovery through etcd, with the keys and values of Dynamo: processes on many machines find each other.
 */
import {
  defaultLogger,
  matchesQuery,
  override,
  readSettings,
  RequestPlaneError,
} from "@dynamo/request-plane-core";
import type {
  Discovery,
  DiscoveryEvent,
  DiscoveryQuery,
  DiscoveryRecord,
  Environment,
  LeasedKeys,
  Logger,
  Registration,
} from "@dynamo/request-plane-core";
import { snapshotOf } from "../live-record.ts";
import { bucketOf, recordKey } from "../record-key.ts";
import { textOf } from "../text-of.ts";
import { watchable } from "../watchable.ts";
import { accessOf } from "./access.ts";
import type { EtcdSettings } from "./access.ts";
import { Bucket, keysBelow } from "./bucket.ts";
import { BucketWatcher } from "./bucket-watcher.ts";
import { EtcdConnection } from "./connection.ts";
import { OwnRecords } from "./own-records.ts";
import { ETCD_SETTINGS } from "./settings.ts";

/** Settings given here win over the environment. */
export interface EtcdDiscoveryOptions extends Partial<EtcdSettings> {
  /** Where settings are read from, once. Default: `process.env`. */
  readonly environment?: Environment | undefined;
  /** Default: warnings go to `process.emitWarning`. */
  readonly logger?: Logger | undefined;
}

/**
 * Connects when it is first used. What is registered lives for `leaseTtlMs` after this process is gone; while
 * etcd is away nothing is dropped, and what etcd forgot is registered again.
 *
 * Throws `invalid_configuration`. Methods reject with `cannot_connect` when etcd can't be reached within 5
 * seconds a member, and with `unauthenticated` or `permission_denied` when it refuses.
 */
export function etcdDiscovery(options: EtcdDiscoveryOptions = {}): Discovery {
  const { environment = process.env, logger = defaultLogger, ...given } = options;
  const read = readSettings(ETCD_SETTINGS, environment, logger);
  return new EtcdDiscovery(override(read, given, ETCD_SETTINGS), logger);
}

class EtcdDiscovery implements Discovery {
  readonly name = "etcd";
  readonly keys: LeasedKeys;
  readonly #logger: Logger;
  readonly #leaseTtlMs: number;
  readonly #connection: EtcdConnection;
  readonly #own: OwnRecords;
  readonly #watchers = new Map<string, BucketWatcher>();
  #closing: Promise<void> | undefined;

  constructor(settings: EtcdSettings, logger: Logger) {
    this.#logger = logger;
    this.#leaseTtlMs = settings.leaseTtlMs;
    this.#connection = new EtcdConnection(accessOf(settings));
    this.#own = new OwnRecords(this.#connection, settings.leaseTtlMs, logger);
    this.keys = {
      put: (key, value) => this.#putKey(key, value),
      list: (prefix) => this.#listKeys(prefix),
    };
  }

  async register(given: DiscoveryRecord): Promise<Registration> {
    this.#assertOpen();
    const { record, text } = snapshotOf(given);
    const own = await this.#connection.explain(this.#own.put(recordKey(record), text));
    return { record, unregister: () => this.#connection.explain(this.#own.remove(own)) };
  }

  async list(query: DiscoveryQuery): Promise<DiscoveryRecord[]> {
    this.#assertOpen();
    const bucket = new Bucket(bucketOf(query.type), this.#logger);
    const { records } = await this.#connection.explain(bucket.readAll(this.#connection));
    return [...records.values()].map(({ record }) => record).filter((record) => matchesQuery(record, query));
  }

  watch(query: DiscoveryQuery, signal?: AbortSignal): AsyncIterable<DiscoveryEvent> {
    this.#assertOpen();
    return watchable(signal, (onEnd) =>
      this.#closing ? undefined : this.#watcherOf(query).watch(query, onEnd),
    );
  }

  async #putKey(key: string, value: string): Promise<{ remove(): Promise<void> }> {
    this.#assertOpen();
    const own = await this.#connection.explain(this.#own.put(key, value));
    return { remove: () => this.#connection.explain(this.#own.remove(own)) };
  }

  async #listKeys(prefix: string): Promise<string[]> {
    this.#assertOpen();
    return this.#connection.explain(keysBelow(this.#connection, prefix));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const watcher of this.#watchers.values()) watcher.stop();
    try {
      await this.#own.close();
    } catch (error) {
      const why = textOf(error);
      this.#logger.warn(
        { why },
        `etcd could not be told of the end; the records stay until their lease is over: ${why}`,
      );
    }
    this.#connection.close();
  }

  #watcherOf({ type }: DiscoveryQuery): BucketWatcher {
    const name = bucketOf(type);
    const watcher =
      this.#watchers.get(name) ??
      new BucketWatcher({
        connection: this.#connection,
        bucket: new Bucket(name, this.#logger),
        graceMs: this.#leaseTtlMs,
        logger: this.#logger,
        onIdle: () => this.#watchers.delete(name),
      });
    this.#watchers.set(name, watcher);
    return watcher;
  }

  #assertOpen(): void {
    if (this.#closing) throw new RequestPlaneError("closed", "This etcd discovery is closed.");
  }
}
