/** Names of Dynamo 0.7 in NATS. Source: kv-verified notes, section 2.3; interop notes, sections D3 and D6. */
import { slugOf } from "@dynamo/discovery";
import type { EndpointName } from "@dynamo/request-plane-core";

export interface JetStreamNames {
  readonly stream: string;
  /** All subjects of the stream. */
  readonly subjects: string;
  /** Where workers publish their KV events. */
  readonly queue: string;
  /** The bucket in which routers leave their state, and its object. */
  readonly bucket: string;
  readonly object: string;
  readonly loads: string;
  readonly sequences: string;
  /** Keys of routers in etcd begin so, and end with their UUID. */
  readonly routers: string;
}

export function jetStreamNames({ namespace, component }: EndpointName): JetStreamNames {
  const scope = `namespace.${namespace}.component.${component}`;
  const stream = dashed(`${scope}.kv_events`);
  return {
    stream,
    subjects: `${stream}.*`,
    queue: `${stream}.queue`,
    bucket: dashed(`${scope}-radix-bucket`),
    object: "radix-state",
    loads: `namespace.${namespace}.kv_metrics`,
    sequences: `${scope}.active_sequences_events`,
    routers: `v1/kv_routers/${namespace}/${component}/`,
  };
}

function dashed(text: string): string {
  return slugOf(text).replaceAll("_", "-");
}
