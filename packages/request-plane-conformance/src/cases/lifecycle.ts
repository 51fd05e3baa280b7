/**
 * What is opened can be closed, in any state, and is gone then.
 */
import assert from "node:assert/strict";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { RequestPlaneClient, RequestPlaneServer } from "@dynamo/request-plane-core";
import { inGroup } from "../case.ts";
import type { ConformanceCase } from "../case.ts";
import { collect, fails, outbound } from "../checks.ts";
import type { ReferenceRequest } from "../reference/request.ts";
import { gate, until, within } from "../waiting.ts";
import { notingServer } from "./delivery.ts";
import { DRAINING } from "./draining.ts";
import { OPERATIONS } from "./end-and-errors.ts";

type Case = Omit<ConformanceCase, "group">;
const requires = ["own worker"] as const;
const accept = (): undefined => undefined;

const closed = Object.entries(OPERATIONS).flatMap(([name, call]): Case[] => [
  {
    name: `${name} on a client that is closed rejects`,
    requires,
    run: async (world) => {
      await world.serve(() => [1]);
      const { client } = await world.caller<ReferenceRequest>();
      await client.close();
      await fails(call(client, "closed"), "closed", "no_instances");
    },
  },
  {
    name: `${name} on a client that is closing rejects`,
    requires,
    run: async (world) => {
      await world.serve(() => [1]);
      const { client } = await world.caller<ReferenceRequest>();
      const closing = client.close();
      await fails(call(client, "closing"), "closed");
      await closing;
    },
  },
  {
    name: `${name} under way when its manager closes rejects with closed`,
    requires,
    run: async (world) => {
      const started = gate();
      await world.serve(async function* (_, { signal }) {
        started.open();
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        yield* [];
      });
      const { manager, client } = await world.caller<ReferenceRequest>();
      const outcome = fails(call(client, "under way", { failover: false }), "closed", "disconnected");
      await started.passed;
      await manager.close();
      await outcome;
    },
  },
]);

const servers: readonly Case[] = [
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
      const server = await world.server();
      let accepted = 0;
      const address = await server.register(world.registration(() => void (accepted += 1)));
      const client = world.client();
      await client.deliver(outbound(address));
      await server.unregister(address);
      await fails(client.deliver(outbound(address)), "unknown_endpoint");
      assert.equal(accepted, 1);
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
      const server = await world.server();
      let accepted = 0;
      const address = await server.register(world.registration(() => void (accepted += 1)));
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
      assert.equal(accepted, 1);
    },
  },
  {
    name: "stop with an idle client connected ends within its bound, and again",
    requires,
    run: async (world) => {
      const server = await world.server();
      const address = await server.register(world.registration(accept));
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
      const server = await world.server();
      const address = await server.register(world.registration(accept));
      for (const client of [world.client(), world.client()]) await client.deliver(outbound(address));
      await stop(server);
      await until("all gauges are zero", () => server.health().connections + server.health().pending === 0);
    },
  },
];

const clients: readonly Case[] = [
  {
    name: "health is all zeros before anything is sent",
    requires,
    run: async (world) => {
      assert.deepEqual(world.client().health(), { connections: 0, pending: 0 });
      assert.equal((await world.server()).health().pending, 0);
    },
  },
  {
    name: "health shows the connection that was used, and no request that waits",
    requires,
    run: async (world) => {
      const { address } = await notingServer(world);
      const client = world.client();
      await client.deliver(outbound(address));
      const { connections, pending } = client.health();
      assert.ok(connections >= 1, "No connection is counted");
      assert.equal(pending, 0);
    },
  },
  {
    name: "health counts requests that wait for their acknowledgement",
    requires: ["own worker", "direct connection"],
    run: async (world) => {
      const { address } = await notingServer(world);
      const proxy = await world.proxy();
      const behind = world.addressBehind(proxy, address);
      const client = world.client();
      proxy.toClient = { blackHole: true };
      const deliveries = [1, 2, 3].map(() => client.deliver(outbound(behind)));
      await until("all three are counted", () => client.health().pending === 3);
      proxy.toClient = {};
      await Promise.all(deliveries);
      assert.equal(client.health().pending, 0);
    },
  },
  {
    name: "deliver after close rejects with closed",
    requires,
    run: async (world) => {
      const { address, accepted } = await notingServer(world);
      const client = world.client();
      await client.deliver(outbound(address));
      await close(client);
      await fails(client.deliver(outbound(address)), "closed");
      assert.equal(accepted.length, 1);
    },
  },
  {
    name: "deliver while the client closes rejects with closed",
    requires,
    run: async (world) => {
      const { address } = await notingServer(world);
      const client = world.client();
      await client.deliver(outbound(address));
      const closing = close(client);
      await fails(client.deliver(outbound(address)), "closed");
      await closing;
    },
  },
  {
    name: "requests that wait for their acknowledgement when the client closes reject with closed",
    requires: ["own worker", "direct connection"],
    run: async (world) => {
      const { address } = await notingServer(world);
      const proxy = await world.proxy();
      const behind = world.addressBehind(proxy, address);
      const client = world.client();
      proxy.toClient = { blackHole: true };
      const deliveries = Array.from({ length: 10 }, () => fails(client.deliver(outbound(behind)), "closed"));
      await until("they wait", () => client.health().pending === 10);
      await close(client);
      await Promise.all(deliveries);
      assert.deepEqual(client.health(), { connections: 0, pending: 0 });
    },
  },
  {
    name: "a client that was never used can be closed, and twice",
    requires,
    run: async (world) => {
      const client = world.client();
      await close(client);
      await close(client);
    },
  },
  {
    name: "closing a client ends its connections at the server too",
    requires,
    run: async (world) => {
      const server = await world.server();
      const address = await server.register(world.registration(accept));
      const before = server.health().connections;
      const client = world.client();
      await client.deliver(outbound(address));
      await close(client);
      await until("the server sees it", () => server.health().connections === before);
    },
  },
  {
    name: "closing one client leaves another one working",
    requires,
    run: async (world) => {
      const { address, accepted } = await notingServer(world);
      const [first, second] = [world.client(), world.client()];
      await first.deliver(outbound(address));
      await second.deliver(outbound(address));
      await close(first);
      await second.deliver(outbound(address));
      assert.equal(accepted.length, 3);
    },
  },
  {
    name: "closing a client doesn't end the work it has asked for",
    requires,
    run: async (world) => {
      const server = await world.server();
      let accepted = 0;
      const address = await server.register(world.registration(() => void (accepted += 1)));
      const client = world.client();
      await client.deliver(outbound(address));
      await close(client);
      await world.client().deliver(outbound(address));
      assert.equal(accepted, 2);
    },
  },
];

const managers: readonly Case[] = [
  {
    name: "a closed manager serves and calls no more",
    requires,
    run: async (world) => {
      const { manager } = await world.serve(() => [1]);
      await manager.close();
      await fails(
        manager.endpoint(world.name).serve(() => [1]),
        "closed",
      );
      assert.throws(() => manager.endpoint(world.name).client(), { code: "closed" });
    },
  },
  {
    name: "a closed worker is gone from discovery, and its callers say so",
    requires,
    run: async (world) => {
      const { manager } = await world.serve(() => [1]);
      const { client } = await world.caller();
      await manager.close();
      assert.equal(world.discovery.size, 0);
      await until("the client has seen it", () => client.instances().length === 0);
      await fails(client.roundRobin({}), "no_instances");
    },
  },
  {
    name: "serving the same endpoint and instance twice is a conflict, and the first goes on",
    requires,
    run: async (world) => {
      const { manager } = await world.serve(() => ["first"]);
      await fails(
        manager.endpoint(world.name).serve(() => ["second"]),
        "conflict",
      );
      const { client } = await world.caller();
      assert.deepEqual(await collect(client.roundRobin({})), ["first"]);
    },
  },
  {
    name: "an endpoint that was closed can be served again",
    requires,
    run: async (world) => {
      const { manager, served } = await world.serve(() => ["first"]);
      await served.close();
      await manager.endpoint(world.name).serve(() => ["second"]);
      const { client } = await world.caller();
      assert.deepEqual(await collect(client.roundRobin({})), ["second"]);
    },
  },
  {
    name: "two managers in one process know nothing of each other's end",
    requires,
    run: async (world) => {
      const first = await world.serve(() => ["first"]);
      await world.serve(() => ["second"]);
      const { client } = await world.caller();
      await first.manager.close();
      await until("one is left", () => client.instances().length === 1);
      for (let i = 0; i < 5; i += 1) assert.deepEqual(await collect(client.roundRobin({})), ["second"]);
    },
  },
];

function stop(server: RequestPlaneServer): Promise<void> {
  return within("stop", server.stop(), 3_000);
}

function close(client: RequestPlaneClient): Promise<void> {
  return within("close", client.close(), 3_000);
}

export const LIFECYCLE: readonly ConformanceCase[] = inGroup("lifecycle", [
  ...servers,
  ...clients,
  ...managers,
  ...DRAINING,
  ...closed,
]);
