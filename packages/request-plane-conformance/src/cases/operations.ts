import type { CallOptions, EndpointClient, ResponseStream } from "@dynamo/request-plane-core";
import type { ReferenceRequest } from "../reference/request.ts";

/** The ways to call, with the same arguments. */
export type Operation = (
  client: EndpointClient<ReferenceRequest>,
  /** Of the request, which waits at the reference endpoint until nobody wants it any more. */
  key: string,
  options?: CallOptions,
) => Promise<ResponseStream<unknown>>;

/** Traits are proved for each of them. A direct call takes the first instance that is known. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  roundRobin: (client, key, options) => client.roundRobin({ do: "hold", key }, options),
  random: (client, key, options) => client.random({ do: "hold", key }, options),
  leastLoaded: (client, key, options) => client.leastLoaded({ do: "hold", key }, options),
  powerOfTwo: (client, key, options) => client.powerOfTwo({ do: "hold", key }, options),
  direct: (client, key, options) =>
    client.direct({ do: "hold", key }, client.instances()[0]?.instance_id ?? 0n, options),
};
