/**
 * A record as backends and watches hold it.
 */
import type { DiscoveryRecord } from "@dynamo/request-plane-core";
import { decodeRecord, encodeRecord } from "./records.ts";

/** A record with its text, which tells whether it changed. */
export interface LiveRecord {
  readonly record: DiscoveryRecord;
  readonly text: string;
}

/** A copy that its giver can't change any more. Throws `invalid_argument`. */
export function snapshotOf(record: DiscoveryRecord): LiveRecord {
  const text = encodeRecord(record);
  return { record: decodeRecord(text), text };
}
