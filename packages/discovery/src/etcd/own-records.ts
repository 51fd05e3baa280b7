/**
 * The records this process registered, each under its key and all under one lease.
 */
import { status } from "@grpc/grpc-js";
import type { Logger } from "@dynamo/request-plane-core";
import { textOf } from "../text-of.ts";
import { ETCD } from "./api.ts";
import type { Int64 } from "./api.ts";
import { hasCode } from "./connection.ts";
import type { EtcdConnection } from "./connection.ts";
import { Lease } from "./lease.ts";

/** One registration; a later one of the same key takes its place. */
export interface OwnRecord {
  readonly key: string;
  readonly text: string;
}

export class OwnRecords {
  readonly #connection: EtcdConnection;
  readonly #logger: Logger;
  readonly #lease: Lease;
  readonly #records = new Map<string, OwnRecord>();
  #isTroubled = false;

  constructor(connection: EtcdConnection, leaseTtlMs: number, logger: Logger) {
    this.#connection = connection;
    this.#logger = logger;
    this.#lease = new Lease(connection, leaseTtlMs, {
      onRenewed: (id) => this.#writeAll(id),
      onTrouble: (error) => this.#report(error),
    });
  }

  /** Resolves when etcd has it. Rejects with gRPC's error, and then keeps nothing. */
  async put(key: string, text: string): Promise<OwnRecord> {
    const record: OwnRecord = { key, text };
    const before = this.#records.get(key);
    this.#records.set(key, record);
    try {
      await this.#writeUnderLease(record);
      return record;
    } catch (error) {
      if (before) this.#records.set(key, before);
      else this.#records.delete(key);
      throw error;
    }
  }

  /** Does nothing when the key belongs to a later registration, here or of another process. */
  async remove(record: OwnRecord): Promise<void> {
    if (this.#records.get(record.key) !== record) return;
    this.#records.delete(record.key);
    const key = Buffer.from(record.key);
    await this.#connection.call(ETCD.txn, {
      compare: [{ target: "LEASE", key, lease: await this.#lease.id() }],
      success: [{ requestDeleteRange: { key } }],
    });
  }

  /** Takes all away at once. */
  async close(): Promise<void> {
    this.#records.clear();
    await this.#lease.close();
  }

  async #writeUnderLease(record: OwnRecord): Promise<void> {
    const lease = await this.#lease.id();
    try {
      await this.#write(record, lease);
    } catch (error) {
      if (!hasCode(error, status.NOT_FOUND)) throw error;
      // The lease is over. This record is among those that are written under the next one.
      await this.#lease.replace(lease);
    }
  }

  async #writeAll(lease: Int64): Promise<void> {
    for (const record of this.#records.values()) await this.#write(record, lease);
    this.#logger.warn(
      { records: this.#records.size },
      "The lease at etcd was lost; the records are written again",
    );
  }

  async #write({ key, text }: OwnRecord, lease: Int64): Promise<void> {
    await this.#connection.call(ETCD.put, { key: Buffer.from(key), value: Buffer.from(text), lease });
  }

  #report(error?: unknown): void {
    const isTroubled = error !== undefined;
    if (isTroubled === this.#isTroubled) return;
    this.#isTroubled = isTroubled;
    const facts = { etcd: this.#connection.shown };
    if (error === undefined) this.#logger.info(facts, "etcd keeps the lease alive again");
    else {
      const why = textOf(error);
      this.#logger.warn({ ...facts, why }, `The lease at etcd can't be kept alive at the moment: ${why}`);
    }
  }
}
