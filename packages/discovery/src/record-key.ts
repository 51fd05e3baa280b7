/**
 * The keys under which Dynamo keeps records, in every store.
 *
 * Source: lib/runtime/src/discovery/kv_store.rs of ai-dynamo/dynamo.
 */
import { formatInstanceId, RequestPlaneError } from "@dynamo/request-plane-core";
import type { DiscoveryRecord } from "@dynamo/request-plane-core";
import { isEventRecord } from "./event-records.ts";

const BUCKETS = new Map<string, string>([
  ["Endpoint", "v1/instances"],
  ["Model", "v1/mdc"],
  ["EventChannel", "v1/event_channels"],
  ["EventSource", "v1/event_sources"],
]);

/** Where records of one type are kept. Throws `invalid_argument` for a type that has no place here. */
export function bucketOf(type: string): string {
  const bucket = BUCKETS.get(type);
  if (bucket !== undefined) return bucket;
  throw new RequestPlaneError(
    "invalid_argument",
    `A record of type '${type}' has no place: only ${[...BUCKETS.keys()].join(", ")} do.`,
  );
}

/**
 * The key within its bucket: `{namespace}/{component}/{endpoint}/{id in hex}`, for a model with a suffix followed
 * by `/{suffix}`. Names go in as they are, so a slash in one can make two records share a key, as in Dynamo.
 * Records of events have the names of their fields in it: kv-verified notes, section 1.1.
 */
export function keyInBucket(record: DiscoveryRecord): string {
  const { namespace, component, endpoint, instance_id } = record;
  if (isEventRecord(record)) {
    const scope = `namespace/${namespace}/component/${component}/endpoint/${endpoint}`;
    return `${scope}/topic/${record.topic}/${formatInstanceId(instance_id)}`;
  }
  const key = `${namespace}/${component}/${endpoint}/${formatInstanceId(instance_id)}`;
  const suffix = record.type === "Model" ? record["model_suffix"] : undefined;
  return typeof suffix === "string" && suffix !== "" ? `${key}/${suffix}` : key;
}

/** The whole key: `v1/instances/…`, `v1/mdc/…`, `v1/event_channels/…` or `v1/event_sources/…`. */
export function recordKey(record: DiscoveryRecord): string {
  return `${bucketOf(record.type)}/${keyInBucket(record)}`;
}
