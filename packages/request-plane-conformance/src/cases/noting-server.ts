import type { InboundRequest, RequestPlaneError, RequestPlaneServer } from "@dynamo/request-plane-core";
import type { World } from "../world/world.ts";

export interface NotingServer {
  readonly server: RequestPlaneServer;
  readonly address: string;
  readonly accepted: readonly InboundRequest[];
}

/** A server whose endpoint notes what it accepts. */
export async function notingServer(
  world: World,
  refuse: (request: InboundRequest, index: number) => RequestPlaneError | undefined = () => undefined,
): Promise<NotingServer> {
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
  return { server, address, accepted };
}
