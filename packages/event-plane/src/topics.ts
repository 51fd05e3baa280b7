/** Names of Dynamo's event plane. Source: kv-verified notes, section 1.1 and 1.4. */
import { randomBytes } from "node:crypto";
import type { EndpointName } from "@dynamo/request-plane-core";

export const KV_EVENTS = "kv-events";
export const KV_METRICS = "kv_metrics";
export const ACTIVE_SEQUENCES = "active_sequences_events";

/** Publishers are numbers of at most 53 bits. */
export function randomPublisherId(): bigint {
  return randomBytes(8).readBigUInt64BE() >> 11n;
}

/** The endpoint at which a worker tells what a publisher's events stand for, beside that of its requests. */
export function recoveryEndpoint({ namespace, component }: EndpointName, publisherId: bigint): EndpointName {
  return { namespace, component, endpoint: `worker_kv_query_source_${publisherId.toString(16)}` };
}
