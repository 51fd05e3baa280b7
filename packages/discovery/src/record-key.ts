/**
 * The keys under which Dynamo keeps records, in every store.
 *
 * Source: lib/runtime/src/discovery/kv_store.rs of ai-dynamo/dynamo.
 */
import { formatInstanceId, RequestPlaneError } from "@dynamo/request-plane-core";
import type { DiscoveryRecord } from "@dynamo/request-plane-core";

const BUCKETS = new Map<string, string>([
  ["Endpoint", "v1/instances"],
  ["Model", "v1/mdc"],
]);

/** Where records of one type are kept. Throws `invalid_argument` for a type that has no place here. */
export function bucketOf(type: string): string {
  const bucket = BUCKETS.get(type);
  if (bucket !== undefined) return bucket;
  throw new RequestPlaneError(
    "invalid_argument",
    `A record of type '${type}' has no place: only Endpoint and Model do.`,
  );
}

/**
 * The key within its bucket: `{namespace}/{component}/{endpoint}/{id in hex}`, for a model with a suffix followed
 * by `/{suffix}`. Names go in as they are, so a slash in one can make two records share a key, as in Dynamo.
 */
export function keyInBucket(record: DiscoveryRecord): string {
  const { namespace, component, endpoint, instance_id } = record;
  const key = `${namespace}/${component}/${endpoint}/${formatInstanceId(instance_id)}`;
  const suffix = record.type === "Model" ? record["model_suffix"] : undefined;
  return typeof suffix === "string" && suffix !== "" ? `${key}/${suffix}` : key;
}

/** The whole key: `v1/instances/…` or `v1/mdc/…`. */
export function recordKey(record: DiscoveryRecord): string {
  return `${bucketOf(record.type)}/${keyInBucket(record)}`;
}
