import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { FaultProxy } from "@dynamo/request-plane-conformance";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import { describeWithNats, natsServer } from "@dynamo/nats-server/vitest";
import { expect, it, onTestFinished } from "vitest";
import { bystander } from "./support/bystander.ts";
import { plane, request, serve } from "./support/plane.ts";
import type { Plane } from "./support/plane.ts";
import { until } from "@dynamo/test-support";
import { collect, failureOf, succeeds } from "@dynamo/test-world";
import { World } from "./support/world.ts";

const isUp = ({ client, server }: Plane): boolean =>
  client.health().connections === 1 && server.health().connections === 1;
const CALL_HOME = { environment: { DYN_RESPONSE_PLANE: "callhome" } };
const isDown = ({ client }: Plane): boolean => client.health().connections === 0;

describeWithNats("when NATS is killed", () => {
  it("requests that wait fail at once", async () => {
    const nats = await natsServer();
    const { client } = plane({ servers: nats.url, requestTimeoutMs: 600_000 });
    const other = await bystander(nats);
    other.subscribe("silent");
    await other.flush();
    const waiting = Array.from({ length: 1_000 }, () => failureOf(client.deliver(request("silent"))));
    await until("all are out", () => client.health().pending === 1_000);
    await nats.kill("SIGKILL");
    for (const error of await Promise.all(waiting)) {
      expect(error).toMatchObject({ code: "disconnected", facts: { address: "silent" } });
      expect([error.retryableElsewhere, error.blamesInstance]).toEqual([true, true]);
    }
    expect(client.health()).toEqual({ connections: 0, pending: 0 });
  });

  it("new requests are refused at once, and nothing of them is kept or sent later", async () => {
    const nats = await natsServer();
    const both = plane({ servers: nats.url });
    const { client, server } = both;
    const { address, received } = await serve(server);
    await client.deliver(request(address));
    await nats.kill("SIGKILL");
    await until("the client knows", () => isDown(both));
    const large = request(address, 1_000_000);
    globalThis.gc!();
    const before = process.memoryUsage();
    for (let round = 0; round < 500; round += 1) {
      const error = await failureOf(client.deliver(large));
      expect(error).toMatchObject({ code: "cannot_connect" });
      expect(error.retryableElsewhere).toBe(true);
    }
    globalThis.gc!();
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(50_000_000);
    await nats.start();
    await until("both are connected again", () => isUp(both));
    // The worker's connection may be up a moment before the server has read its subscriptions.
    await until("the worker is asked", () =>
      client.deliver(request(address, 1_000)).then(() => true, isUnknown),
    );
    expect(received.map(({ envelope }) => envelope.length)).toEqual([100, 1_000]);
  });

  it("calls work again when it is back, with the same managers", async () => {
    const nats = await natsServer();
    await using world = new World(nats);
    await world.worker<number, number>(async function* (value) {
      yield value;
    });
    const { manager, client } = await world.client<number, number>({ settings: { establishMs: 2_000 } });
    expect(await collect(client.random(1))).toEqual([1]);
    for (let round = 0; round < 3; round += 1) {
      await nats.kill("SIGKILL");
      await until("the caller knows", () => manager.health().planes["nats"]?.connections === 0);
      expect(await failureOf(client.random(2))).toMatchObject({ code: "cannot_connect" });
      await nats.start();
      await until("a call works", () =>
        client
          .random(3)
          .then(collect)
          .then(
            () => true,
            () => false,
          ),
      );
    }
  });

  it("a stream that has begun goes on without it, where its worker has called home", async () => {
    const nats = await natsServer();
    await using world = new World(nats);
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    await world.worker(async function* () {
      yield 1;
      await gate;
      yield 2;
    });
    const { client } = await world.client(CALL_HOME);
    const stream = await client.random({});
    await nats.kill("SIGKILL");
    go();
    expect(await collect(stream)).toEqual([1, 2]);
  });
});

describeWithNats("when NATS freezes", () => {
  const QUICK = { pingIntervalMs: 100, requestTimeoutMs: 600_000 };

  it("it is noticed by pings, requests fail, and all is well when it wakes up", async () => {
    const nats = await natsServer();
    const both = plane({ servers: nats.url, ...QUICK, connectTimeoutMs: 500 });
    const { address } = await serve(both.server);
    await both.client.deliver(request(address));
    await nats.kill("SIGSTOP");
    expect(await failureOf(both.client.deliver(request(address)))).toMatchObject({ code: "disconnected" });
    await until("both know", () => isDown(both) && both.server.health().connections === 0);
    await nats.kill("SIGCONT");
    await until("both are connected again", () => isUp(both));
    await until("the worker is asked", () =>
      both.client.deliver(request(address)).then(() => true, isUnknown),
    );
  });

  it("streams go on, over whatever their handlers have opened", async () => {
    const nats = await natsServer();
    await using world = new World(nats);
    const setup = { nats: { pingIntervalMs: 100 } };
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    const { manager } = await world.worker(async function* () {
      yield 1;
      await gate;
      yield 2;
    }, setup);
    const { client } = await world.client(CALL_HOME);
    const stream = await client.random({});
    await nats.kill("SIGSTOP");
    await until("the worker knows", () => manager.health().planes["nats"]?.connections === 0);
    go();
    expect(await collect(stream)).toEqual([1, 2]);
  });

  it("with more to read than fits into its socket, that is noticed too", async () => {
    const nats = await natsServer();
    const { client } = plane({ servers: nats.url, ...QUICK });
    await failureOf(client.deliver(request("warm")));
    await nats.kill("SIGSTOP");
    const waiting = Array.from({ length: 30 }, () => failureOf(client.deliver(request("large", 1_000_000))));
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ code: "disconnected" });
    expect(client.health()).toEqual({ connections: 0, pending: 0 });
  });
});

describeWithNats("the first connection", () => {
  it("to a port where nobody listens fails and says what to do; a later one works", async () => {
    const nats = await natsServer();
    await nats.stop();
    const { client, server } = plane({ servers: nats.url });
    for (const attempt of [() => client.deliver(request("a")), () => server.start()]) {
      const error = await failureOf(attempt());
      expect(error).toMatchObject({
        code: "cannot_connect",
        facts: { setting: "NATS_SERVER" },
      });
      for (const word of [nats.url, "NATS_SERVER", "Start a server"]) expect(error.message).toContain(word);
    }
    await nats.start();
    const { address } = await serve(server);
    await client.deliver(request(address));
  });

  it("is given up when nobody speaks, without a socket left behind", async () => {
    let open = 0;
    const mute = createServer((socket) => {
      open += 1;
      socket
        .on("error", () => undefined)
        .on("close", () => (open -= 1))
        .resume();
    });
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void mute.close());
    const { port } = mute.address() as AddressInfo;
    const { client, server } = plane({ servers: `nats://127.0.0.1:${port}`, connectTimeoutMs: 200 });
    for (const attempt of [() => client.deliver(request("a")), () => server.start()]) {
      const error = await failureOf(attempt());
      expect(error).toMatchObject({ code: "deadline_exceeded", facts: { phase: "connect", limit: 200 } });
      expect(error.message).toContain("NATS_SERVER");
    }
    await until("no socket is open", () => open === 0);
  });

  it("that the server gives up because it heard nothing in time was not refused: the next one may work", async () => {
    const nats = await natsServer({ lines: ["authorization { timeout: 0.3, user: user, password: user }"] });
    await using between = await FaultProxy.start({ host: "127.0.0.1", port: nats.port });
    between.toServer = { blackHole: true };
    const { client } = plane({ servers: `nats://127.0.0.1:${between.address.port}` });
    const error = await failureOf(client.deliver(request("a")));
    expect(error).toMatchObject({ code: "cannot_connect", retryableElsewhere: true });
    expect(error.message).toContain("Authentication Timeout");
    between.toServer = {};
    await until("it connects", () => client.deliver(request("a")).then(() => true, isConnected));
  });

  it("has one bound, however many servers there are", async () => {
    const mute = createServer((socket) => void socket.on("error", () => undefined).resume());
    await new Promise<void>((resolve) => mute.listen(0, resolve));
    onTestFinished(() => void mute.close());
    const { port } = mute.address() as AddressInfo;
    const servers = Array.from({ length: 40 }, (_, index) => `nats://127.0.0.${index + 1}:${port}`).join();
    const { client } = plane({ servers, connectTimeoutMs: 500 });
    const began = performance.now();
    expect(await failureOf(client.deliver(request("a")))).toMatchObject({ code: "deadline_exceeded" });
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it("can be closed while it is made", async () => {
    let accepted = 0;
    const mute = createServer((socket) => {
      accepted += 1;
      socket.on("error", () => undefined).resume();
    });
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void mute.close());
    const { port } = mute.address() as AddressInfo;
    const { client } = plane({ servers: `nats://127.0.0.1:${port}`, connectTimeoutMs: 600_000 });
    const waiting = failureOf(client.deliver(request("a")));
    await until("it connects", () => accepted === 1);
    await client.close();
    expect((await waiting).code).toMatch(/closed|cannot_connect/);
    expect(await failureOf(client.deliver(request("a")))).toMatchObject({ code: "closed" });
  });

  it("is one, however many requests wait for it", async () => {
    const nats = await natsServer();
    const { client, server } = plane({ servers: nats.url });
    const { address } = await serve(server);
    await Promise.all(Array.from({ length: 50 }, () => client.deliver(request(address))));
    expect(nats.output.split("Client connection created").length - 1).toBeLessThanOrEqual(2);
    expect(client.health().connections).toBe(1);
  });

  it("goes to the next server when one is away, and the first is not forgotten", async () => {
    const [one, two] = [await natsServer(), await natsServer()];
    await one.stop();
    const both = plane({ servers: `${one.url}, ${two.url}` });
    const { address } = await serve(both.server);
    await both.client.deliver(request(address));
    await one.start();
    await two.stop();
    await until("both are on the first", () => isUp(both));
    await until("a request is taken", () => succeeds(both.client.deliver(request(address))));
  });
});

describeWithNats("a manager whose NATS is away", () => {
  it("closes, before and after the first connection", async () => {
    const nats = await natsServer();
    await using world = new World(nats);
    const { served, manager } = await world.worker(async function* () {
      yield 1;
    });
    const caller = await world.client();
    await collect(caller.client.random({}));
    await nats.kill("SIGKILL");
    await until("the worker knows", () => manager.health().planes["nats"]?.connections === 0);
    await served.close();
    await manager.close();
    await caller.manager.close();
    const late = world.manager();
    const failed = late.endpoint("a.b.c").serve(async function* () {
      yield 1;
    });
    expect(await failureOf(failed)).toMatchObject({ code: "cannot_connect" });
    await late.close();
    expect(late.health()).toMatchObject({
      planes: { nats: { connections: 0, pending: 0 } },
      servedEndpoints: 0,
    });
  });
});

/** Whether somebody at NATS said that nobody has the subject. */
function isConnected(error: unknown): boolean {
  return RequestPlaneError.from(error).code === "unknown_endpoint";
}

/** `false` for a subject that nobody has; other errors are thrown. */
function isUnknown(error: unknown): false {
  expect(error).toMatchObject({ code: "unknown_endpoint" });
  return false;
}
