/**
 * A connection that breaks costs at most the requests that were on it; the next ones find their way.
 */
import assert from "node:assert/strict";
import { inGroup } from "../case.ts";
import type { ConformanceCase } from "../case.ts";
import { bytesOf, fails, outbound } from "../checks.ts";
import type { Cut } from "../fault-proxy/faults.ts";
import { until } from "../waiting.ts";
import { FAILOVER } from "./failover.ts";
import { line, recovers, usedLine } from "./line.ts";
import { notingServer } from "./noting-server.ts";

type Case = Omit<ConformanceCase, "group">;
const direct = ["own worker", "direct connection"] as const;

const idle = (["close", "reset"] as const).map((how): Case => ({
  name: `a connection that ends while it is idle (${how}) is replaced without an error`,
  requires: direct,
  run: async (world) => {
    const { proxy, client, address, accepted } = await usedLine(world);
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
    const between = await usedLine(world);
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
      const { proxy, client, address, accepted } = await line(world);
      proxy.toServer = { cut: { afterBytes, how } };
      await fails(client.deliver(outbound(address, bytesOf(100_000))), "disconnected", "cannot_connect");
      proxy.toServer = {};
      await recovers({ client, address });
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
    const { proxy, client, address } = await line(world);
    proxy.toClient = { cut: { afterBytes, how } };
    await fails(client.deliver(outbound(address)), "disconnected", "cannot_connect", "deadline_exceeded");
    proxy.toClient = {};
    await recovers({ client, address });
  },
}));

const deliveries: readonly Case[] = [
  {
    name: "a server that comes back at the same address is found again",
    requires: direct,
    run: async (world) => {
      const between = await usedLine(world);
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
      const { proxy, client, address, accepted } = await line(world);
      const { target } = proxy;
      proxy.target = { host: "127.0.0.1", port: 1 };
      await fails(client.deliver(outbound(address)), "cannot_connect", "disconnected");
      proxy.target = target;
      await client.deliver(outbound(address));
      assert.equal(accepted.length, 1);
    },
  },
  {
    name: "a connection that breaks under fifty requests fails all of them, and the next is delivered",
    requires: direct,
    run: async (world) => {
      const between = await usedLine(world);
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
      const { proxy, client, address, accepted } = await usedLine(world);
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
      const between = await usedLine(world);
      for (let i = 0; i < 10; i += 1) {
        between.proxy.disconnect(i % 2 === 0 ? "reset" : "close");
        await recovers(between);
      }
      assert.ok(between.client.health().connections <= 2, "Connections that ended are still counted");
      assert.equal(between.client.health().pending, 0);
    },
  },
];

export const RECONNECTION: readonly ConformanceCase[] = inGroup("reconnection", [
  ...FAILOVER,
  ...idle,
  ...waiting,
  ...requestCuts,
  ...acknowledgementCuts,
  ...deliveries,
]);
