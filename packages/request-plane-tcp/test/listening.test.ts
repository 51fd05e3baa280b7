import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { addressOf, collect, failureOf, NAME } from "@dynamo/test-world";
import { World } from "./support/world.ts";

/** A port that somebody else listens on. */
async function takenPort(world: World): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  world.onEnd(async () => void server.close());
  return (server.address() as AddressInfo).port;
}

describe("a worker's listener", () => {
  it("says which port is taken and which setting moves it, and can be closed afterwards", async () => {
    await using world = new World();
    const port = await takenPort(world);
    const manager = world.manager({ tcp: { port } });
    const error = await failureOf(manager.endpoint(NAME).serve(() => [1]));
    expect(error).toMatchObject({
      code: "address_in_use",
      facts: { address: `127.0.0.1:${port}`, setting: "DYN_TCP_RPC_PORT" },
    });
    expect(error.message).toContain(`127.0.0.1:${port}`);
    expect(error.message).toContain("DYN_TCP_RPC_PORT");
    expect(world.discovery.size).toBe(0);
    expect(manager.health().servedEndpoints).toBe(0);
    await manager.close();
  });

  it("can be tried again when the port has become free", async () => {
    await using world = new World();
    const blocker = createServer().listen(0, "127.0.0.1");
    await once(blocker, "listening");
    const { port } = blocker.address() as AddressInfo;
    const manager = world.manager({ tcp: { port } });
    expect((await failureOf(manager.endpoint(NAME).serve(() => [1]))).code).toBe("address_in_use");
    await new Promise((resolve) => blocker.close(resolve));
    const { instance } = await manager.endpoint(NAME).serve(() => [1]);
    expect(addressOf(instance)).toContain(`127.0.0.1:${port}/`);
  });

  it("gets a port of its own in each of eight managers when the system picks", async () => {
    await using world = new World();
    const workers = await Promise.all(Array.from({ length: 8 }, (_, n) => world.worker(() => [n])));
    const authorities = workers.map(({ served }) => addressOf(served.instance).split("/")[0]);
    expect(new Set(authorities).size).toBe(8);
    const { client } = await world.client<unknown, number>();
    const items = [];
    for (let i = 0; i < 8; i += 1) items.push(...(await collect(client.roundRobin({}))));
    expect(items.sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it("advertises another host than the one it listens on when told to", async () => {
    await using world = new World();
    const { served } = await world.worker(() => [1], {
      tcp: { host: "0.0.0.0", advertiseHost: "127.0.0.3" },
    });
    expect(addressOf(served.instance)).toMatch(/^127\.0\.0\.3:\d+\//);
    const { client } = await world.client();
    expect(await collect(client.roundRobin({}))).toEqual([1]);
  });

  it("never advertises a wildcard", async () => {
    await using world = new World();
    const { served } = await world.worker(() => [1], { tcp: { host: "0.0.0.0" } });
    expect(addressOf(served.instance)).not.toMatch(/^0\.0\.0\.0:/);
    const manager = world.manager({ tcp: { host: "127.0.0.1", advertiseHost: "0.0.0.0" } });
    const error = await failureOf(manager.endpoint(NAME).serve(() => [1]));
    expect(error.code).toBe("invalid_configuration");
    expect(error.message).toContain("0.0.0.0");
  });

  it("on a host that is not here is refused with the address", async () => {
    await using world = new World();
    const manager = world.manager({ tcp: { host: "192.0.2.1" } });
    const error = await failureOf(manager.endpoint(NAME).serve(() => [1]));
    expect(error).toMatchObject({ code: "invalid_configuration", facts: { address: "192.0.2.1:0" } });
  });

  it("works on ::1, with callers that are called home on ::1", async () => {
    await using world = new World();
    const { served } = await world.worker((n: number) => [n], { tcp: { host: "::1" } });
    expect(addressOf(served.instance)).toMatch(/^\[::1\]:\d+\//);
    const { client } = await world.client({ settings: { callHomeHost: "::1" } });
    expect(await collect(client.roundRobin(6))).toEqual([6]);
  });

  it("refuses to serve the same endpoint of one instance twice, and goes on serving the first", async () => {
    await using world = new World();
    const { manager } = await world.worker(() => ["first"]);
    const error = await failureOf(manager.endpoint(NAME).serve(() => ["second"]));
    expect(error.code).toBe("conflict");
    const { client } = await world.client();
    expect(await collect(client.roundRobin({}))).toEqual(["first"]);
  });
});

const CALL_HOME = { responseMode: "callhome" } as const;

describe("a caller's listener", () => {
  it("says which port is taken and which setting moves it, and leaves nothing behind", async () => {
    await using world = new World();
    const port = await takenPort(world);
    await world.worker(() => [1]);
    const { client, manager } = await world.client({ settings: { ...CALL_HOME, callHomePort: port } });
    expect(await failureOf(client.roundRobin({}))).toMatchObject({
      code: "address_in_use",
      facts: { address: `127.0.0.1:${port}`, setting: "DYN_TCP_RESPONSE_STREAM_PORT" },
    });
    expect(client.inFlight).toBe(0);
    expect(manager.health().responsesAwaited).toBe(0);
    await manager.close();
  });

  it("tells workers the advertised host", async () => {
    await using world = new World();
    await world.worker(() => [1]);
    const wrong = { ...CALL_HOME, callHomeAdvertiseHost: "127.0.0.9", establishMs: 5_000 };
    const { client } = await world.client({ settings: { callHomeHost: "0.0.0.0", ...wrong } });
    expect(await collect(client.roundRobin({}))).toEqual([1]);
    const other = await world.client({ settings: { callHomeHost: "127.0.0.1", ...wrong, establishMs: 200 } });
    // Nobody listens there: the wait is bounded.
    expect((await failureOf(other.client.roundRobin({}))).facts.phase).toBe("establish");
  });
});
