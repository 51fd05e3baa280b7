/**
 * What a client promises from its first request to its close.
 */
import assert from "node:assert/strict";
import type { RequestPlaneClient } from "@dynamo/request-plane-core";
import type { ConformanceCase } from "../case.ts";
import { fails, outbound } from "../checks.ts";
import { PROMPT_MS, until, within } from "../waiting.ts";
import { line } from "./line.ts";
import { notingServer } from "./noting-server.ts";

const requires = ["own worker"] as const;

export const CLIENT_LIFECYCLE: readonly Omit<ConformanceCase, "group">[] = [
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
      const { proxy, client, address } = await line(world);
      proxy.toClient = { blackHole: true };
      const deliveries = [1, 2, 3].map(() => client.deliver(outbound(address)));
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
      const { proxy, client, address } = await line(world);
      proxy.toClient = { blackHole: true };
      const deliveries = Array.from({ length: 10 }, () => fails(client.deliver(outbound(address)), "closed"));
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
      const { server, address } = await notingServer(world);
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
      const { address, accepted } = await notingServer(world);
      const client = world.client();
      await client.deliver(outbound(address));
      await close(client);
      await world.client().deliver(outbound(address));
      assert.equal(accepted.length, 2);
    },
  },
];

function close(client: RequestPlaneClient): Promise<void> {
  return within("close", client.close(), PROMPT_MS);
}
