/**
 * The lease of this process: what is written under it goes away some seconds after the process does.
 *
 * Source: lib/runtime/src/transports/etcd/lease.rs of ai-dynamo/dynamo; interop notes, section A5. Dynamo ends a
 * process whose lease is lost; here a new one is taken and the records are written again.
 */
import { once } from "node:events";
import { ETCD } from "./api.ts";
import type { Int64 } from "./api.ts";
import type { EtcdConnection } from "./connection.ts";

export interface LeaseEvents {
  /** A lease was there and is gone; a new one takes its place. Called again, some time later, when it rejects. */
  readonly onRenewed: (id: Int64) => Promise<void>;
  /** Called with the reason when keeping the lease alive begins to fail, and with nothing when it works again. */
  readonly onTrouble: (error?: unknown) => void;
}

export class Lease {
  readonly #connection: EtcdConnection;
  readonly #ttlMs: number;
  readonly #events: LeaseEvents;
  #granted: Promise<Int64> | undefined;
  /** The lease under which all records were written. */
  #inUse: Int64 | undefined;
  #timer: NodeJS.Timeout | undefined;
  #beat: Promise<void> | undefined;
  #closed = false;

  constructor(connection: EtcdConnection, ttlMs: number, events: LeaseEvents) {
    this.#connection = connection;
    this.#ttlMs = ttlMs;
    this.#events = events;
  }

  /** The lease's id; the first call takes one and begins to keep it alive. Rejects with gRPC's error. */
  id(): Promise<Int64> {
    this.#granted ??= this.#grant().catch((error: unknown) => {
      this.#granted = undefined;
      throw error;
    });
    return this.#granted;
  }

  /** etcd said that it knows no such lease. Resolves when the records are written under a new one. */
  async replace(lost: Int64): Promise<void> {
    if ((await this.id()) === lost) this.#granted = undefined;
    await this.#settle();
  }

  /** Gives the lease back: etcd deletes what was written under it. Rejects when etcd can't be told. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#beat;
    const id = await this.#granted?.catch(() => undefined);
    if (id !== undefined) await this.#connection.call(ETCD.leaseRevoke, { ID: id });
  }

  async #grant(): Promise<Int64> {
    const seconds = Math.ceil(this.#ttlMs / 1000);
    const { ID: id } = await this.#connection.call(ETCD.leaseGrant, { TTL: seconds });
    this.#inUse ??= id;
    this.#schedule();
    return id;
  }

  /** Three times in the life of a lease. A registration alone keeps no process alive. */
  #schedule(): void {
    if (this.#closed || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#beat = this.#keepAlive().finally(() => this.#schedule());
    }, this.#ttlMs / 3).unref();
  }

  async #keepAlive(): Promise<void> {
    try {
      const id = await this.id();
      if (await this.#extend(id)) await this.#settle();
      else await this.replace(id);
      this.#events.onTrouble();
    } catch (error) {
      this.#events.onTrouble(error);
    }
  }

  async #settle(): Promise<void> {
    const id = await this.id();
    if (id === this.#inUse) return;
    await this.#events.onRenewed(id);
    this.#inUse = id;
  }

  /** `false` when etcd knows no such lease. */
  async #extend(id: Int64): Promise<boolean> {
    const stream = await this.#connection.stream(ETCD.leaseKeepAlive, this.#ttlMs / 3);
    try {
      const answer = once(stream, "data") as Promise<[{ readonly TTL: Int64 }]>;
      stream.write({ ID: id });
      const [{ TTL: ttl }] = await answer;
      return Number(ttl) > 0;
    } finally {
      stream.end();
      stream.cancel();
    }
  }
}
