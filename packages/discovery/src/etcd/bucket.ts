/**
 * One bucket of records in etcd: all keys that begin with its name.
 */
import type { Logger } from "@dynamo/request-plane-core";
import type { LiveRecord } from "../live-record.ts";
import { recordKey } from "../record-key.ts";
import { decodeRecord } from "../records.ts";
import { textOf } from "../text-of.ts";
import { ETCD } from "./api.ts";
import type { Int64, KeyValue, RangeResponse } from "./api.ts";
import type { EtcdConnection } from "./connection.ts";

/** Records of one answer; more come page by page. */
const PAGE = 500;

export interface Snapshot {
  readonly records: ReadonlyMap<string, LiveRecord>;
  readonly clusterId: Int64;
  readonly revision: Int64;
}

/** All keys that begin so, of one moment. Rejects with gRPC's error. */
export async function keysBelow(connection: EtcdConnection, prefix: string): Promise<string[]> {
  const first = Buffer.from(prefix);
  const rangeEnd = Buffer.concat([first, Buffer.of(0xff)]);
  const { kvs } = await connection.call(ETCD.range, { key: first, rangeEnd });
  return kvs.map(({ key }) => key.toString());
}

export class Bucket {
  /** From the first key of the bucket up to, and without, the first one behind it. */
  readonly range: { readonly key: Buffer; readonly rangeEnd: Buffer };
  readonly #logger: Logger;
  readonly #reported = new Map<string, string>();

  constructor(name: string, logger: Logger) {
    this.#logger = logger;
    // "0" comes after "/".
    this.range = { key: Buffer.from(`${name}/`), rangeEnd: Buffer.from(`${name}0`) };
  }

  /** All records of one moment. Rejects with gRPC's error. */
  async readAll(connection: EtcdConnection): Promise<Snapshot> {
    const records = new Map<string, LiveRecord>();
    let { key } = this.range;
    let first: RangeResponse | undefined;
    for (;;) {
      const page: RangeResponse = await connection.call(ETCD.range, {
        ...this.range,
        key,
        limit: PAGE,
        ...(first && { revision: first.header.revision }),
      });
      first ??= page;
      for (const kv of page.kvs) {
        const live = this.decode(kv);
        if (live) records.set(kv.key.toString(), live);
      }
      const last = page.kvs.at(-1);
      if (!page.more || !last) return { records, ...first.header };
      key = Buffer.concat([last.key, Buffer.of(0)]);
    }
  }

  /** The record of a key; what is none under this key is reported once and is `undefined`. */
  decode({ key, value }: KeyValue): LiveRecord | undefined {
    const name = key.toString();
    const text = value.toString();
    try {
      const record = decodeRecord(text);
      if (recordKey(record) !== name) throw new Error(`it belongs to the key ${recordKey(record)}`);
      this.#reported.delete(name);
      return { record, text };
    } catch (error) {
      this.#report(name, text, textOf(error));
      return undefined;
    }
  }

  /** The key is gone. */
  forget(name: string): void {
    this.#reported.delete(name);
  }

  #report(key: string, text: string, fault: string): void {
    if (this.#reported.get(key) === text) return;
    this.#reported.set(key, text);
    this.#logger.warn({ key, fault }, `The value of ${key} in etcd is ignored: ${fault}`);
  }
}
