import type { EndpointRecord } from "@dynamo/request-plane-core";
import { endpointRecord } from "../src/index.ts";

export function endpoint(id: bigint, address = "127.0.0.1:9999/generate"): EndpointRecord {
  const name = { namespace: "dynamo", component: "backend", endpoint: "generate" };
  return endpointRecord({ ...name, instance_id: id, transport: { tcp: address } });
}
