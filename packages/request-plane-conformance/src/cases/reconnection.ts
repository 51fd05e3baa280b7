/**
 * A connection that breaks costs at most the requests that were on it; the next ones find their way.
 */
import assert from "node:assert/strict";
import type { EndpointRecord, RequestPlaneClient } from "@dynamo/request-plane-core";
import { inGroup } from "../case.ts";
import type { ConformanceCase } from "../case.ts";
import { bytesOf, collect, fails, outbound } from "../checks.ts";
import type { FaultProxy } from "../fault-proxy/fault-proxy.ts";
import type { Cut } from "../fault-proxy/faults.ts";
import { gate, until } from "../waiting.ts";
import type { World } from "../world/world.ts";
import { notingServer } from "./delivery.ts";

type Case = Omit<ConformanceCase, "group">;
const requires = ["own worker"] as const;
const direct = ["own worker", "direct connection"] as const;

interface Line {
  readonly proxy: FaultProxy;
  readonly client: RequestPlaneClient;
  /** By way of the proxy. */
  readonly address: string;
  readonly accepted: readonly unknown[];
}

/** A client and a server with a proxy between them, over which one request has gone. */
async function line(world: World): Promise<Line> {
  const { address, accepted } = await notingServer(world);
  const proxy = await world.proxy();
  const behind = world.addressBehind(proxy, address);
  const client = world.client();
  await client.deliver(outbound(behind));
  return { proxy, client, address: behind, accepted };
}

/** Delivers until it works: a client may lose the first request to a connection of whose end it doesn't know yet. */
async function recovers({ client, address }: Line): Promise<void> {
  await until("a request gets through again", () =>
    client.deliver(outbound(address)).then(
      () => true,
      () => false,
    ),
  );
}

const idle = (["close", "reset"] as const).map((how): Case => ({
  name: `a connection that ends while it is idle (${how}) is replaced without an error`,
  requires: direct,
  run: async (world) => {
    const { proxy, client, address, accepted } = await line(world);
    proxy.disconnect(how);
    await until("the client has seen it", () => client.health().connections === 0);
    await client.deliver(outbound(address));
    assert.equal(accepted.length, 2);
  },
}));

const waiting = (["close", "reset"] as const).map((how): Case => ({
  name: `a connection that ends before the acknowledgement (${how}) fails the request as disconnected`,
  requires: direct,
  run: async (world) => {
    const between = await line(world);
    const { proxy, client, address } = between;
    proxy.toClient = { blackHole: true };
    const delivery = fails(client.deliver(outbound(address)), "disconnected");
    await until("it waits", () => client.health().pending === 1);
    proxy.disconnect(how);
    await delivery;
    proxy.toClient = {};
    await recovers(between);
  },
}));

const REQUEST_CUTS = [0, 1, 4, 50, 2_000, 90_000];

const requestCuts = REQUEST_CUTS.flatMap((afterBytes) =>
  (["close", "reset"] as const).map((how): Case => ({
    name: `a request that is cut after ${afterBytes} bytes (${how}) fails and is not accepted`,
    requires: direct,
    run: async (world) => {
      const { address, accepted } = await notingServer(world);
      const proxy = await world.proxy();
      const behind = world.addressBehind(proxy, address);
      proxy.toServer = { cut: { afterBytes, how } };
      const client = world.client();
      await fails(client.deliver(outbound(behind, bytesOf(100_000))), "disconnected", "cannot_connect");
      proxy.toServer = {};
      await recovers({ proxy, client, address: behind, accepted });
      assert.equal(accepted.length, 1);
    },
  })),
);

const ACKNOWLEDGEMENT_CUTS: readonly (readonly [number, Cut["how"]])[] = [
  [0, "close"],
  [0, "reset"],
  [1, "close"],
  [1, "half-close"],
];

const acknowledgementCuts = ACKNOWLEDGEMENT_CUTS.map(([afterBytes, how]): Case => ({
  name: `an acknowledgement that is cut after ${afterBytes} bytes (${how}) is not taken for one`,
  requires: direct,
  settings: { acknowledgeTimeoutMs: 1_500 },
  run: async (world) => {
    const { address, accepted } = await notingServer(world);
    const proxy = await world.proxy();
    const behind = world.addressBehind(proxy, address);
    proxy.toClient = { cut: { afterBytes, how } };
    const client = world.client();
    await fails(client.deliver(outbound(behind)), "disconnected", "cannot_connect", "deadline_exceeded");
    proxy.toClient = {};
    await recovers({ proxy, client, address: behind, accepted });
  },
}));

const deliveries: readonly Case[] = [
  {
    name: "a server that comes back at the same address is found again",
    requires: direct,
    run: async (world) => {
      const between = await line(world);
      await world.stopServers();
      await fails(between.client.deliver(outbound(between.address)), "disconnected", "cannot_connect");
      const again = await world.server();
      let accepted = 0;
      // Another instance at the same host and port: only what comes after them differs.
      const address = await again.register(world.registration(() => void (accepted += 1)));
      const behind = world.addressBehind(between.proxy, address);
      await recovers({ ...between, address: behind });
      assert.equal(accepted, 1);
    },
  },
  {
    name: "nobody at the address fails as cannot_connect",
    requires: direct,
    settings: { connectTimeoutMs: 1_000 },
    run: async (world) => {
      const { address } = await notingServer(world);
      const proxy = await world.proxy();
      const place = proxy.address;
      await proxy.close();
      const error = await fails(
        world.client().deliver(outbound(world.addressAt(place, address))),
        "cannot_connect",
      );
      assert.match(error.facts.address ?? "", new RegExp(String(place.port)));
    },
  },
  {
    name: "an address where nobody was is tried anew each time",
    requires: direct,
    run: async (world) => {
      const { address, accepted } = await notingServer(world);
      const proxy = await world.proxy();
      const behind = world.addressBehind(proxy, address);
      const { target } = proxy;
      proxy.target = { host: "127.0.0.1", port: 1 };
      const client = world.client();
      await fails(client.deliver(outbound(behind)), "cannot_connect", "disconnected");
      proxy.target = target;
      await client.deliver(outbound(behind));
      assert.equal(accepted.length, 1);
    },
  },
  {
    name: "a connection that breaks under fifty requests fails all of them, and the next is delivered",
    requires: direct,
    run: async (world) => {
      const between = await line(world);
      const { proxy, client, address } = between;
      proxy.toClient = { blackHole: true };
      const deliveries = Array.from({ length: 50 }, () =>
        fails(client.deliver(outbound(address)), "disconnected"),
      );
      await until("they wait", () => client.health().pending === 50);
      proxy.disconnect("reset");
      await Promise.all(deliveries);
      proxy.toClient = {};
      await recovers(between);
    },
  },
  {
    name: "a network that comes back in time costs nothing",
    requires: direct,
    run: async (world) => {
      const { proxy, client, address, accepted } = await line(world);
      proxy.toServer = { blackHole: true };
      const delivery = client.deliver(outbound(address));
      await until("it waits", () => client.health().pending === 1);
      proxy.toServer = {};
      await delivery;
      assert.equal(accepted.length, 2);
    },
  },
  {
    name: "ten connections that end one after the other leave no connection behind",
    requires: direct,
    run: async (world) => {
      const between = await line(world);
      for (let i = 0; i < 10; i += 1) {
        between.proxy.disconnect(i % 2 === 0 ? "reset" : "close");
        await recovers(between);
      }
      assert.ok(between.client.health().connections <= 2, "Connections that ended are still counted");
      assert.equal(between.client.health().pending, 0);
    },
  },
];

const calls: readonly Case[] = [
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

export const RECONNECTION: readonly ConformanceCase[] = inGroup("reconnection", [
  ...calls,
  ...idle,
  ...waiting,
  ...requestCuts,
  ...acknowledgementCuts,
  ...deliveries,
]);
