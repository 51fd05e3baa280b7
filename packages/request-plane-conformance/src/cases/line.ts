import type { RequestPlaneClient } from "@dynamo/request-plane-core";
import { outbound } from "../checks.ts";
import type { FaultProxy } from "../fault-proxy/fault-proxy.ts";
import { until } from "../waiting.ts";
import type { World } from "../world/world.ts";
import { notingServer } from "./noting-server.ts";
import type { NotingServer } from "./noting-server.ts";

/** A client and a server with a proxy between them. */
export interface Line extends NotingServer {
  readonly proxy: FaultProxy;
  readonly client: RequestPlaneClient;
}

/** `address` is by way of the proxy. */
export async function line(world: World): Promise<Line> {
  const noting = await notingServer(world);
  const proxy = await world.proxy();
  const address = world.addressBehind(proxy, noting.address);
  return { ...noting, address, proxy, client: world.client() };
}

/** One over which a request has gone. */
export async function usedLine(world: World): Promise<Line> {
  const used = await line(world);
  await used.client.deliver(outbound(used.address));
  return used;
}

/** Delivers until it works: a client may lose the first request to a connection of whose end it doesn't know yet. */
export async function recovers({ client, address }: Pick<Line, "client" | "address">): Promise<void> {
  await until("a request gets through again", () =>
    client.deliver(outbound(address)).then(
      () => true,
      () => false,
    ),
  );
}
