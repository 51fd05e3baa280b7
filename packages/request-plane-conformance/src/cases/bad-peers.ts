/**
 * Peers that break the protocol harm nobody but themselves.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import type { SocketAddress } from "@dynamo/request-plane-core";
import { inGroup } from "../case.ts";
import type { ConformanceCase } from "../case.ts";
import { bytesOf, fails, outbound } from "../checks.ts";
import { until } from "../waiting.ts";
import type { World } from "../world/world.ts";
import { BAD_ENVELOPES } from "./bad-envelopes.ts";
import { BAD_RESPONSES } from "./bad-responses.ts";
import { line, recovers } from "./line.ts";
import { notingServer } from "./noting-server.ts";

type Case = Omit<ConformanceCase, "group">;
const direct = ["own worker", "direct connection"] as const;

const NOISE: Readonly<Record<string, Buffer>> = {
  nothing: Buffer.alloc(0),
  "one zero": Buffer.alloc(1),
  "zeros without end": Buffer.alloc(100_000),
  "ones without end": Buffer.alloc(100_000, 0xff),
  noise: bytesOf(50_000),
  "an HTTP/1.1 request": Buffer.from("POST /v1/rpc/x HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nabcd"),
  "a TLS hello": Buffer.from("16030100c8010000c40303", "hex"),
  "a length that no memory holds": Buffer.from("7fffffffffffffffffffffffffffffff", "hex"),
};

const noise = Object.entries(NOISE).flatMap(([what, bytes]): Case[] => [
  {
    name: `a server that is sent ${what} accepts nothing and serves others all the while`,
    requires: direct,
    run: async (world) => {
      const { address, accepted } = await notingServer(world);
      const socket = await dial(world, address);
      socket.write(bytes);
      const client = world.client();
      await client.deliver(outbound(address));
      socket.end();
      await client.deliver(outbound(address));
      socket.destroy();
      assert.equal(accepted.length, 2);
    },
  },
  {
    name: `a client whose server answers with ${what} and closes fails, and takes nothing for an acknowledgement`,
    requires: direct,
    settings: { acknowledgeTimeoutMs: 1_500 },
    run: async (world) => {
      // What looks like an acknowledgement on some plane is for that plane's own tests.
      const answer = Buffer.concat([Buffer.from([0xee, 0xee, 0xee, 0xee, 0xee]), bytes]);
      const place = await badServer(world, (socket) => socket.end(answer));
      const { address } = await notingServer(world);
      const delivery = world.client().deliver(outbound(world.addressAt(place, address)));
      await fails(
        delivery,
        "protocol_error",
        "disconnected",
        "cannot_connect",
        "deadline_exceeded",
        "unavailable",
      );
    },
  },
]);

const SERVERS: Readonly<Record<string, (socket: Socket) => unknown>> = {
  "closes each connection at once": (socket) => socket.end(),
  "resets each connection at once": (socket) => socket.resetAndDestroy(),
  "resets when the request arrives": (socket) => socket.once("data", () => socket.resetAndDestroy()),
  "reads and never answers": (socket) => socket.resume(),
  "never reads": (socket) => socket.pause(),
};

const servers = Object.entries(SERVERS).map(([what, behave]): Case => ({
  name: `a server that ${what} fails every one of five requests within their bound`,
  requires: direct,
  settings: { acknowledgeTimeoutMs: 900, connectTimeoutMs: 900 },
  run: async (world) => {
    const place = await badServer(world, behave);
    const { address, accepted } = await notingServer(world);
    const client = world.client();
    const bad = world.addressAt(place, address);
    const codes = ["disconnected", "cannot_connect", "deadline_exceeded", "protocol_error"] as const;
    await Promise.all(Array.from({ length: 5 }, () => fails(client.deliver(outbound(bad)), ...codes)));
    await client.deliver(outbound(address));
    assert.equal(accepted.length, 1);
    assert.equal(client.health().pending, 0);
  },
}));

const others: readonly Case[] = [
  {
    name: "a hundred connections that say nothing don't keep a server from serving",
    requires: direct,
    run: async (world) => {
      const { address, accepted } = await notingServer(world);
      const sockets = await Promise.all(Array.from({ length: 100 }, () => dial(world, address)));
      await world.client().deliver(outbound(address));
      for (const socket of sockets) socket.destroy();
      assert.equal(accepted.length, 1);
    },
  },
  {
    name: "a byte that changes on the way is not taken for another request",
    requires: direct,
    settings: { acknowledgeTimeoutMs: 800 },
    run: async (world) => {
      const { proxy, client, address, accepted } = await line(world);
      proxy.toServer = { corruptAt: 0 };
      const outcome = client.deliver(outbound(address)).then(
        () => "delivered",
        () => "failed",
      );
      assert.equal(await outcome, "failed");
      assert.equal(accepted.length, 0);
      proxy.toServer = {};
      proxy.disconnect("reset");
      await recovers({ client, address });
    },
  },
  {
    name: "a server that is left by its client in the middle of a request holds nothing of it",
    requires: direct,
    run: async (world) => {
      const { server, proxy, client, address } = await line(world);
      const before = server.health();
      proxy.toServer = { cut: { afterBytes: 60, how: "reset" } };
      await fails(client.deliver(outbound(address, bytesOf(50_000))), "disconnected", "cannot_connect");
      await until("the server has let go", () => server.health().connections === before.connections);
      assert.equal(server.health().pending, 0);
    },
  },
];

async function dial(world: World, address: string): Promise<Socket> {
  const { route } = world.fixture;
  assert.ok(route);
  const socket = connect({ ...route.target(address), allowHalfOpen: true });
  socket.on("error", () => undefined).resume();
  world.onEnd(() => socket.destroy());
  await once(socket, "connect");
  return socket;
}

/** A listener that does this with every connection. */
async function badServer(world: World, behave: (socket: Socket) => unknown): Promise<SocketAddress> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    behave(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  world.onEnd(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

export const BAD_PEERS: readonly ConformanceCase[] = inGroup("bad peers", [
  ...BAD_RESPONSES,
  ...BAD_ENVELOPES,
  ...noise,
  ...servers,
  ...others,
]);
