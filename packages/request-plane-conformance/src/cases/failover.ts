/**
 * A call that can't be answered by one instance goes to another, as long as nothing was handed out.
 */
import assert from "node:assert/strict";
import type { EndpointRecord } from "@dynamo/request-plane-core";
import type { ConformanceCase } from "../case.ts";
import { collect, fails } from "../checks.ts";
import { gate, until } from "../waiting.ts";
import type { World } from "../world/world.ts";

const requires = ["own worker"] as const;

export const FAILOVER: readonly Omit<ConformanceCase, "group">[] = [
  {
    name: "a call goes to another instance when the first can't be reached",
    requires,
    run: async (world) => {
      await world.serve(() => ["alive"]);
      const dead = await deadRecord(world);
      world.discovery.put(dead);
      const { client } = await world.caller();
      for (let i = 0; i < 6; i += 1) assert.deepEqual(await collect(client.roundRobin({})), ["alive"]);
    },
  },
  {
    name: "a call without failover is told that its instance can't be reached",
    requires,
    run: async (world) => {
      const dead = await deadRecord(world);
      world.discovery.put(dead);
      const { client } = await world.caller();
      const call = client.direct({}, dead.instance_id, { failover: false });
      await fails(call, "cannot_connect", "unknown_endpoint", "unavailable");
    },
  },
  {
    name: "a call fails when no instance can be reached, and works when one is back",
    requires,
    run: async (world) => {
      const dead = await deadRecord(world);
      world.discovery.put(dead);
      const { client } = await world.caller();
      await fails(client.roundRobin({}), "cannot_connect", "unknown_endpoint", "unavailable");
      await world.serve(() => ["back"]);
      await until("the client has seen it", () => client.instances().length === 2);
      assert.deepEqual(await collect(client.roundRobin({})), ["back"]);
    },
  },
  {
    name: "a call moves on when its instance leaves discovery before it answers",
    requires,
    run: async (world) => {
      const asked = gate();
      const silent = await world.rawWorker(() => {
        asked.open();
        return undefined;
      });
      const { client } = await world.caller();
      const call = collect(client.roundRobin({}));
      await asked.passed;
      await world.serve(() => ["other"]);
      await until("the client has seen it", () => client.instances().length === 2);
      world.discovery.remove(silent.record);
      assert.deepEqual(await call, ["other"]);
    },
  },
  {
    name: "a call that has begun to be answered doesn't move: its items are never sent twice",
    requires,
    run: async (world) => {
      let asked = 0;
      const handler = async function* (
        _: unknown,
        { signal }: { signal: AbortSignal },
      ): AsyncGenerator<number> {
        asked += 1;
        yield asked;
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      };
      const workers = [await world.serve(handler), await world.serve(handler)];
      const { client } = await world.caller();
      const stream = await client.roundRobin({});
      for (const { served } of workers) void served.close({ drainMs: 0 });
      const reading = collect(stream);
      await fails(reading, "disconnected");
      assert.equal(asked, 1);
    },
  },
];

/** The record of an instance whose server has stopped. */
async function deadRecord(world: World): Promise<EndpointRecord> {
  const server = await world.server();
  const registration = world.registration(() => undefined, { instanceId: 1n });
  const address = await server.register(registration);
  await server.stop();
  return world.recordOf(registration.instanceId, address);
}
