/**
 * What a server promises from its start to its stop.
 */
import assert from "node:assert/strict";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { RequestPlaneServer } from "@dynamo/request-plane-core";
import type { ConformanceCase } from "../case.ts";
import { fails, outbound } from "../checks.ts";
import { PROMPT_MS, until, within } from "../waiting.ts";
import { notingServer } from "./noting-server.ts";

const requires = ["own worker"] as const;
const accept = (): undefined => undefined;

export const SERVER_LIFECYCLE: readonly Omit<ConformanceCase, "group">[] = [
  {
    name: "a second registration of the same address is refused as conflict",
    requires,
    run: async (world) => {
      const server = await world.server();
      const registration = world.registration(accept);
      await server.register(registration);
      await fails(server.register(registration), "conflict");
    },
  },
  {
    name: "a refused registration leaves the first one serving",
    requires,
    run: async (world) => {
      const server = await world.server();
      let first = 0;
      const registration = world.registration(() => void (first += 1));
      const address = await server.register(registration);
      const second = {
        ...registration,
        accept: () => new RequestPlaneError("unavailable", "the second one"),
      };
      await fails(server.register(second), "conflict");
      await world.client().deliver(outbound(address));
      assert.equal(first, 1);
    },
  },
  {
    name: "an endpoint that was unregistered refuses with unknown_endpoint",
    requires,
    run: async (world) => {
      const { server, address, accepted } = await notingServer(world);
      const client = world.client();
      await client.deliver(outbound(address));
      await server.unregister(address);
      await fails(client.deliver(outbound(address)), "unknown_endpoint");
      assert.equal(accepted.length, 1);
    },
  },
  {
    name: "an endpoint that was unregistered can be registered again, at the same address",
    requires,
    run: async (world) => {
      const server = await world.server();
      const registration = world.registration(accept);
      const first = await server.register(registration);
      await server.unregister(first);
      assert.equal(await server.register(registration), first);
      await world.client().deliver(outbound(first));
    },
  },
  {
    name: "unregistering one endpoint leaves its neighbour",
    requires,
    run: async (world) => {
      const server = await world.server();
      const first = await server.register(world.registration(accept, { endpoint: "first" }));
      const second = await server.register(world.registration(accept, { endpoint: "second" }));
      await server.unregister(first);
      const client = world.client();
      await client.deliver(outbound(second));
      await fails(client.deliver(outbound(first)), "unknown_endpoint");
    },
  },
  {
    name: "unregistering twice, or what was never registered, does nothing",
    requires,
    run: async (world) => {
      const server = await world.server();
      const first = await server.register(world.registration(accept, { endpoint: "first" }));
      const second = await server.register(world.registration(accept, { endpoint: "second" }));
      await server.unregister(first);
      await server.unregister(first);
      await world.client().deliver(outbound(second));
    },
  },
  {
    name: "a server that is stopped is gone: requests fail, none is accepted",
    requires,
    run: async (world) => {
      const { server, address, accepted } = await notingServer(world);
      const client = world.client();
      await client.deliver(outbound(address));
      await stop(server);
      await fails(
        client.deliver(outbound(address)),
        "cannot_connect",
        "disconnected",
        "unknown_endpoint",
        "unavailable",
      );
      assert.equal(accepted.length, 1);
    },
  },
  {
    name: "stop with an idle client connected ends within its bound, and again",
    requires,
    run: async (world) => {
      const { server, address } = await notingServer(world);
      await world.client().deliver(outbound(address));
      await stop(server);
      await stop(server);
    },
  },
  {
    name: "stop without any request or client ends within its bound",
    requires,
    run: async (world) => {
      await stop(await world.server());
    },
  },
  {
    name: "a new server can start when the old one has stopped",
    requires,
    run: async (world) => {
      await stop(await world.server());
      const { address, accepted } = await notingServer(world);
      await world.client().deliver(outbound(address));
      assert.equal(accepted.length, 1);
    },
  },
  {
    name: "a stopped server has nothing left in its health",
    requires,
    run: async (world) => {
      const { server, address } = await notingServer(world);
      for (const client of [world.client(), world.client()]) await client.deliver(outbound(address));
      await stop(server);
      await until("all gauges are zero", () => server.health().connections + server.health().pending === 0);
    },
  },
];

function stop(server: RequestPlaneServer): Promise<void> {
  return within("stop", server.stop(), PROMPT_MS);
}
