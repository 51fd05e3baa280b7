import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { ScriptedWorker } from "./support/scripted-worker.ts";
import { until } from "@dynamo/test-support";
import { addressOf, collect, failureOf, idOf, NAME } from "@dynamo/test-world";
import { World } from "./support/world.ts";

/** A handler that yields a first item, and the last when it is let go. */
function held(): { handler: () => AsyncGenerator<string>; letGo: () => void } {
  const gate = Promise.withResolvers<undefined>();
  return {
    letGo: () => gate.resolve(undefined),
    async *handler() {
      yield "first";
      await gate.promise;
      yield "last";
    },
  };
}

const NOTHING = { responsesAwaited: 0, responsesWritten: 0, servedEndpoints: 0, clients: 0 };

describe("closing a manager that serves", () => {
  it("leaves discovery first, then lets running requests finish", async () => {
    await using world = new World();
    const { handler, letGo } = held();
    const worker = await world.worker(handler);
    const { client } = await world.client();
    const stream = await client.roundRobin({});
    let closed = false;
    const closing = worker.manager.close({ drainMs: 10_000 }).then(() => (closed = true));
    await until("it left discovery", () => world.discovery.size === 0);
    expect(closed).toBe(false);
    expect(worker.served.inFlight).toBe(1);
    letGo();
    expect(await collect(stream)).toEqual(["first", "last"]);
    await closing;
    expect(worker.manager.health()).toMatchObject({
      ...NOTHING,
      planes: { tcp: { connections: 0, pending: 0 } },
    });
  });

  it("still serves callers that have not seen yet that it left", async () => {
    await using world = new World();
    const { handler, letGo } = held();
    const worker = await world.worker(handler);
    const { client } = await world.client();
    const first = await client.roundRobin({});
    // A client whose view of discovery is old.
    const stale = await world.client();
    const record = stale.client.instances()[0]!;
    const closing = worker.manager.close({ drainMs: 10_000 });
    await until("it left discovery", () => stale.client.instances().length === 0);
    world.discovery.put({ ...record, type: "Endpoint" });
    await until("the old view is back", () => stale.client.instances().length === 1);
    const second = await stale.client.roundRobin({});
    letGo();
    expect(await collect(first)).toEqual(["first", "last"]);
    expect(await collect(second)).toEqual(["first", "last"]);
    await closing;
  });

  it("cuts what is over the budget: callers see disconnected, handlers are killed", async () => {
    await using world = new World();
    let cleanedUp = false;
    const worker = await world.worker(async function* (_request, { signal }) {
      try {
        yield "first";
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      } finally {
        cleanedUp = true;
      }
    });
    const { client } = await world.client();
    const stream = await client.roundRobin({});
    const items: unknown[] = [];
    const reading = (async () => {
      for await (const item of stream) items.push(item);
    })();
    const failure = failureOf(reading);
    await worker.manager.close({ drainMs: 50 });
    expect((await failure).code).toBe("disconnected");
    expect(items).toEqual(["first"]);
    await until("the handler is cleaned up", () => cleanedUp && worker.served.inFlight === 0);
    expect(worker.manager.health()).toMatchObject({
      ...NOTHING,
      planes: { tcp: { connections: 0, pending: 0 } },
    });
  });

  it("twice is the same closing, and later use is refused with closed", async () => {
    await using world = new World();
    const { manager, served } = await world.worker(() => [1]);
    const closing = manager.close();
    expect(manager.close({ drainMs: 5 })).toBe(closing);
    await closing;
    await served.close();
    await manager[Symbol.asyncDispose]();
    expect((await failureOf(manager.endpoint(NAME).serve(() => [1]))).code).toBe("closed");
    expect(() => manager.endpoint(NAME).client()).toThrow(expect.objectContaining({ code: "closed" }));
  });

  it("one endpoint leaves the others of the manager in service", async () => {
    await using world = new World();
    const manager = world.manager();
    const first = await manager.endpoint(NAME).serve(() => ["one"]);
    await manager.endpoint("test.backend.other").serve(() => ["other"]);
    const caller = world.manager();
    const other = caller.endpoint("test.backend.other").client();
    await other.waitForInstances({ timeoutMs: 5_000 });
    await first.close();
    expect(await collect(other.roundRobin({}))).toEqual(["other"]);
    expect(manager.health().servedEndpoints).toBe(1);
    // Its path is free again.
    await manager.endpoint(NAME).serve(() => ["again"]);
    const client = caller.endpoint(NAME).client();
    await client.waitForInstances({ timeoutMs: 5_000 });
    expect(await collect(client.roundRobin({}))).toEqual(["again"]);
  });

  it("while it starts to serve leaves nothing in discovery and no port open", async () => {
    await using world = new World();
    for (const closeAtOnce of [true, false]) {
      const gate = Promise.withResolvers<undefined>();
      world.discovery.gate = gate.promise;
      const manager = world.manager();
      const serving = failureOf(manager.endpoint(NAME).serve(() => [1]));
      if (!closeAtOnce) await sleep(20);
      const closing = manager.close({ drainMs: 0 });
      gate.resolve(undefined);
      await closing;
      expect((await serving).code).toBe("closed");
      expect(world.discovery.size).toBe(0);
      expect(manager.health()).toMatchObject({ ...NOTHING, planes: { tcp: { connections: 0, pending: 0 } } });
    }
  });
});

describe("closing a manager that calls", () => {
  it.each(["the acknowledgement", "the dial-back", "the first item", "the next item"])(
    "ends a request that waits for %s with closed",
    async (what) => {
      await using world = new World();
      const worker = await ScriptedWorker.start(world, idOf(1), async (request) => {
        if (what !== "the acknowledgement") request.ack();
        if (what.endsWith("item")) await request.begin();
        if (what === "the next item") request.item(1);
      });
      const { client, manager } = await world.client();
      const failure = failureOf(client.roundRobin({}).then(collect));
      await until("the request is there", () => worker.requests.length === 1);
      if (what !== "the acknowledgement") await sleep(20);
      await manager.close();
      expect((await failure).code).toBe("closed");
      expect(manager.health()).toMatchObject({ ...NOTHING, planes: { tcp: { connections: 0, pending: 0 } } });
      expect(client.inFlight).toBe(0);
      expect((await failureOf(client.roundRobin({}))).code).toBe("closed");
    },
  );

  it("while a connection is being made, and while requests wait for room, ends all of them", async () => {
    await using world = new World();
    const worker = await ScriptedWorker.start(world, idOf(1), () => undefined);
    const { client, manager } = await world.client({ tcp: { poolSize: 1, channelBuffer: 2 } });
    const calls = Array.from({ length: 4 }, () => failureOf(client.roundRobin({})));
    await sleep(0);
    await manager.close();
    expect((await Promise.all(calls)).map(({ code }) => code)).toEqual(Array(4).fill("closed"));
    expect(client.inFlight).toBe(0);
    await until("no connection is left", () => worker.connections === 0);
    // Nor made anew by what had waited.
    await sleep(50);
    expect(worker.connections).toBe(0);
    expect(worker.accepted).toBeLessThanOrEqual(1);
  });

  it("a client stops following discovery; its streams go on", async () => {
    await using world = new World();
    const { handler, letGo } = held();
    await world.worker(handler);
    const { client, manager } = await world.client();
    const stream = await client.roundRobin({});
    await client.close();
    await client.close();
    expect(manager.health().clients).toBe(0);
    expect((await failureOf(client.roundRobin({}))).code).toBe("closed");
    expect((await failureOf(client.direct({}, stream.instance))).code).toBe("closed");
    letGo();
    expect(await collect(stream)).toEqual(["first", "last"]);
  });

  it("ends waits for instances", async () => {
    await using world = new World();
    const manager = world.manager();
    const waiting = failureOf(manager.endpoint(NAME).client().waitForInstances());
    await manager.close();
    expect((await waiting).code).toBe("closed");
  });
});

describe("waiting for instances", () => {
  it("ends with no_instances after its time, and with cancelled when it is aborted", async () => {
    await using world = new World();
    await world.worker(() => [1]);
    const { client } = await world.client();
    const late = await failureOf(client.waitForInstances({ count: 2, timeoutMs: 50 }));
    expect(late).toMatchObject({ code: "no_instances", facts: { endpoint: NAME, elapsedMs: 50 } });
    const controller = new AbortController();
    const waiting = failureOf(client.waitForInstances({ count: 2, signal: controller.signal }));
    controller.abort();
    expect((await waiting).code).toBe("cancelled");
    const before = failureOf(client.waitForInstances({ count: 2, signal: AbortSignal.abort() }));
    expect((await before).code).toBe("cancelled");
  });

  it("resolves when the last one appears, with all of them", async () => {
    await using world = new World();
    const manager = world.manager();
    const client = manager.endpoint(NAME).client();
    const waiting = client.waitForInstances({ count: 2, timeoutMs: 5_000 });
    const workers = [await world.worker(() => [1]), await world.worker(() => [2])];
    const addresses = (await waiting).map(addressOf);
    expect(addresses.sort()).toEqual(workers.map(({ served }) => addressOf(served.instance)).sort());
  });

  it("a call without any instance fails at once", async () => {
    await using world = new World();
    const client = world.manager().endpoint(NAME).client();
    const error = await failureOf(client.roundRobin({}));
    expect(error).toMatchObject({ code: "no_instances", facts: { endpoint: NAME } });
  });
});
