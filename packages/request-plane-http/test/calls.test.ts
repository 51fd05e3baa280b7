import { randomInstanceId, RequestPlaneError } from "@dynamo/request-plane-core";
import { describe, expect, test } from "vitest";
import { calling, request, served } from "./support/plane.ts";
import { until } from "@dynamo/test-support";
import { addressOf, collect, failureOf, settled } from "@dynamo/test-world";
import { connectionsOf, World } from "./support/world.ts";

async function* numbers({ n }: { n: number }): AsyncGenerator<{ i: number }> {
  for (let i = 0; i < n; i++) yield { i };
}

describe("A call over the HTTP plane", () => {
  test("brings its items, and its headers to the handler", async () => {
    await using world = new World();
    let seen: Readonly<Record<string, string>> = {};
    const { served } = await world.worker(async function* (payload: { n: number }, context) {
      seen = context.headers;
      yield* numbers(payload);
    });
    expect(addressOf(served.instance)).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1\/rpc\/generate$/);
    const { client } = await world.client<{ n: number }, { i: number }>();
    expect(await collect(client.roundRobin({ n: 3 }, { headers: { "x-mine": "1" } }))).toEqual([
      { i: 0 },
      { i: 1 },
      { i: 2 },
    ]);
    expect(seen).toHaveProperty("request-id");
    expect(seen["x-mine"]).toBe("1");
    expect(Object.keys(seen).filter((name) => name.startsWith(":") || name === "content-type")).toEqual([]);
  });

  test("is one of a thousand at the same time, on one connection", async () => {
    await using world = new World();
    const worker = await world.worker(numbers);
    const { manager, client } = await world.client<{ n: number }, { i: number }>();
    const calls = Array.from({ length: 1000 }, () => collect(client.roundRobin({ n: 2 })));
    for (const items of await Promise.all(calls)) expect(items).toEqual([{ i: 0 }, { i: 1 }]);
    expect(connectionsOf(manager)).toBe(1);
    await settled(manager, worker.manager);
    await manager.close();
    await worker.manager.close();
    expect(connectionsOf(manager)).toBe(0);
    expect(connectionsOf(worker.manager)).toBe(0);
  });

  test("is answered before the last of a burst has begun", async () => {
    await using world = new World();
    let begun = 0;
    await world.worker(async function* () {
      begun += 1;
      yield begun;
    });
    const { client } = await world.client<object, number>();
    await collect(client.roundRobin({}));
    begun = 0;
    const burst = Array.from({ length: 100 }, () => collect(client.roundRobin({})));
    const begunAtFirst = await Promise.race(burst.map((call) => call.then(() => begun)));
    expect(begunAtFirst).toBeGreaterThan(0);
    expect(begunAtFirst).toBeLessThan(100);
    expect((await Promise.all(burst)).flat().toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 100 }, (_, index) => index + 1),
    );
  });

  test("fails when its handler throws what has no text", async () => {
    await using world = new World();
    const worker = await world.worker(async function* () {
      yield 1;
      throw Object.create(null);
    });
    const { manager, client } = await world.client<object, number>();
    const error = await failureOf(collect(client.roundRobin({})));
    expect(error).toMatchObject({ code: "handler_failed", remote: true });
    await settled(manager, worker.manager);
  });

  test("carries a payload of several megabytes", async () => {
    await using world = new World();
    await world.worker(async function* ({ text }: { text: string }) {
      yield text.length;
    });
    const { client } = await world.client<{ text: string }, number>();
    expect(await collect(client.roundRobin({ text: "x".repeat(5_000_000) }))).toEqual([5_000_000]);
  });

  test("is refused by a full worker, with its limit", async () => {
    await using world = new World();
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    await world.worker(
      async function* () {
        yield 0;
        await gate;
      },
      { maxInFlight: 1 },
    );
    const { client } = await world.client();
    const first = await client.roundRobin({});
    const error = await failureOf(client.roundRobin({}));
    expect(error).toMatchObject({
      code: "overloaded",
      remote: true,
      facts: { limit: 1, setting: "DYN_ENGINE_REQUEST_LIMIT (of the worker)" },
    });
    release();
    await collect(first);
  });

  test("goes to a healthy worker when another one is gone", async () => {
    await using world = new World();
    const gone = await world.worker(numbers);
    await gone.manager.close();
    world.discovery.put({ type: "Endpoint", ...gone.served.instance });
    await world.worker(numbers);
    const { client } = await world.client<{ n: number }, { i: number }>();
    for (let i = 0; i < 4; i++) expect(await collect(client.roundRobin({ n: 1 }))).toEqual([{ i: 0 }]);
  });

  test("is found after the worker came back on its port", async () => {
    await using world = new World();
    const first = await world.worker(numbers);
    const { client } = await world.client<{ n: number }, { i: number }>();
    await collect(client.roundRobin({ n: 1 }));
    const port = Number(new URL(addressOf(first.served.instance)).port);
    await first.manager.close();
    await world.worker(numbers, { http: { port } });
    await client.waitForInstances();
    expect(await collect(client.roundRobin({ n: 1 }))).toEqual([{ i: 0 }]);
  });
});

describe("Endpoints of one server", () => {
  test("with the same name are told apart by the rest of their path", async () => {
    await using world = new World();
    const manager = world.manager();
    const ids = [randomInstanceId(), randomInstanceId()];
    const serve = async (namespace: string, index: number) =>
      manager.endpoint(`${namespace}.backend.generate`).serve(
        async function* () {
          yield namespace;
        },
        { instanceId: ids[index]! },
      );
    const one = await serve("one", 0);
    const two = await serve("t/w o", 1);
    expect(addressOf(one.instance)).toMatch(/\/v1\/rpc\/generate$/);
    expect(addressOf(two.instance)).toMatch(
      new RegExp(`/v1/rpc/${ids[1]!.toString(16)}/t%2Fw%20o/backend/generate$`),
    );
    for (const namespace of ["one", "t/w o"]) {
      const client = manager.endpoint(`${namespace}.backend.generate`).client();
      await client.waitForInstances();
      expect(await collect(client.roundRobin({}))).toEqual([namespace]);
    }
    expect(await failureOf(serve("one", 0))).toMatchObject({ code: "conflict" });
    await one.close();
    const again = await serve("three", 0);
    expect(addressOf(again.instance)).toBe(addressOf(one.instance));
  });

  test("are refused as unknown once they are gone", async () => {
    await using plane = await served();
    await using client = calling();
    await client.deliver(request(plane.address));
    expect(plane.requests.map(({ envelope }) => Buffer.from(envelope).toString())).toEqual(["envelope"]);
    await plane.server.unregister(plane.address);
    const error = await failureOf(client.deliver(request(plane.address)));
    expect(error).toMatchObject({
      code: "unknown_endpoint",
      remote: true,
      facts: { address: plane.address },
    });
  });
});

describe("Limits", () => {
  test("a request over the caller's limit is refused before it is sent", async () => {
    await using plane = await served();
    await using client = calling({ maxMessageBytes: 1024 });
    await client.deliver(request(plane.address, "x".repeat(1024)));
    const error = await failureOf(client.deliver(request(plane.address, "x".repeat(1025))));
    expect(error).toMatchObject({
      code: "payload_too_large",
      remote: false,
      facts: { limit: 1024, actual: 1025, setting: "DYN_HTTP_MAX_MESSAGE_SIZE" },
    });
    expect(plane.requests).toHaveLength(1);
  });

  test("a request over the worker's limit comes back with the limit and its setting", async () => {
    await using plane = await served({ maxMessageBytes: 2048 });
    await using client = calling();
    await client.deliver(request(plane.address, "x".repeat(2048)));
    for (const bytes of [2049, 8_000_000]) {
      const error = await failureOf(client.deliver(request(plane.address, "x".repeat(bytes))));
      expect(error).toMatchObject({
        code: "payload_too_large",
        remote: true,
        facts: { limit: 2048, actual: bytes, setting: "DYN_HTTP_MAX_MESSAGE_SIZE (of the worker)" },
      });
    }
    await client.deliver(request(plane.address));
    expect(client.health().connections).toBe(1);
  });

  test("a refusal of any kind keeps its code on the way", async () => {
    for (const code of ["overloaded", "unavailable", "invalid_argument"] as const) {
      await using plane = await served({}, () => new RequestPlaneError(code, "not now"));
      await using client = calling();
      const error = await failureOf(client.deliver(request(plane.address)));
      expect(error.code).toBe(code);
      expect(error.message).toContain("not now");
    }
    await using plane = await served({}, () => new RequestPlaneError("protocol_error", "bad envelope"));
    await using client = calling();
    expect(await failureOf(client.deliver(request(plane.address)))).toMatchObject({
      code: "invalid_argument",
    });
  });

  test("headers that HTTP can't carry are the caller's mistake; those of the exchange are left out", async () => {
    await using plane = await served();
    await using client = calling();
    for (const headers of [{ "x-text": "a\r\nb: c" }, { "x-text": "\u{1F600}" }, { "a b": "c" }]) {
      const error = await failureOf(client.deliver(request(plane.address, "", { headers })));
      expect(error).toMatchObject({ code: "invalid_argument" });
    }
    const headers = {
      ":path": "/elsewhere",
      connection: "close",
      "content-length": "3",
      te: "gzip",
      kept: "yes",
    };
    await client.deliver(request(plane.address, "body", { headers }));
    expect(plane.requests.map((one) => one.headers)).toEqual([{ kept: "yes" }]);
  });

  test("a port in use is named with its setting", async () => {
    await using plane = await served();
    const port = Number(new URL(plane.address).port);
    const error = await failureOf(served({ port }));
    expect(error).toMatchObject({ code: "address_in_use", facts: { setting: "DYN_HTTP_RPC_PORT" } });
  });
});

test("What is advertised can differ from what is listened on", async () => {
  await using plane = await served({ host: "0.0.0.0", advertiseHost: "localhost", rootPath: "/other/" });
  expect(plane.address).toMatch(/^http:\/\/localhost:\d+\/other\/generate$/);
  await using client = calling();
  await client.deliver(request(plane.address));
  await until("it is there", () => plane.requests.length === 1);
});

test("Addresses that are none are refused", async () => {
  await using client = calling();
  for (const address of ["nothing", "https://127.0.0.1/x", "127.0.0.1:80/x"]) {
    expect(await failureOf(client.deliver(request(address)))).toMatchObject({ code: "cannot_connect" });
  }
});
