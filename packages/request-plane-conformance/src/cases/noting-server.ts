import type { InboundRequest, RequestPlaneError } from "@dynamo/request-plane-core";
import type { World } from "../world/world.ts";

/** A server whose endpoint notes what it accepts. */
export async function notingServer(
  world: World,
  refuse: (request: InboundRequest, index: number) => RequestPlaneError | undefined = () => undefined,
): Promise<{ address: string; accepted: InboundRequest[] }> {
  const server = await world.server();
  const accepted: InboundRequest[] = [];
  let index = 0;
  const address = await server.register(
    world.registration((request) => {
      const refusal = refuse(request, index++);
      if (!refusal) accepted.push(request);
      return refusal;
    }),
  );
  return { address, accepted };
}
