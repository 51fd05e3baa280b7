/**
 * What is opened can be closed, in any state, and is gone then.
 */
import assert from "node:assert/strict";
import { inGroup } from "../case.ts";
import type { ConformanceCase } from "../case.ts";
import { collect, fails } from "../checks.ts";
import type { ReferenceRequest } from "../reference/request.ts";
import { gate, until } from "../waiting.ts";
import { CLIENT_LIFECYCLE } from "./client-lifecycle.ts";
import { DRAINING } from "./draining.ts";
import { OPERATIONS } from "./operations.ts";
import { SERVER_LIFECYCLE } from "./server-lifecycle.ts";

type Case = Omit<ConformanceCase, "group">;
const requires = ["own worker"] as const;

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

export const LIFECYCLE: readonly ConformanceCase[] = inGroup("lifecycle", [
  ...SERVER_LIFECYCLE,
  ...CLIENT_LIFECYCLE,
  ...managers,
  ...DRAINING,
  ...closed,
]);
