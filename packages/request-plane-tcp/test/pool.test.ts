import { describe, expect, it } from "vitest";
import { ScriptedWorker } from "./support/scripted-worker.ts";
import { until } from "@dynamo/test-support";
import { collect, idOf, settled } from "@dynamo/test-world";
import { connectionsOf, World } from "./support/world.ts";

describe("the connections to a worker", () => {
  it("stay within the pool's size under 5,000 calls at once, and all calls complete", async () => {
    await using world = new World();
    let most = 0;
    const worker = await world.worker((n: number) => {
      most = Math.max(most, connectionsOf(worker.manager));
      return [n];
    });
    const { client, manager } = await world.client<number, number>({
      tcp: { poolSize: 8, channelBuffer: 400 },
    });
    const calls = Array.from({ length: 5_000 }, (_, n) => collect(client.roundRobin(n)));
    let wrong = 0;
    for (const [n, items] of (await Promise.all(calls)).entries())
      if (items.length !== 1 || items[0] !== n) wrong += 1;
    expect(wrong).toBe(0);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(8);
    expect(connectionsOf(manager)).toBeLessThanOrEqual(8);
    await settled(manager, worker.manager);
    expect(worker.served.inFlight).toBe(0);
  });

  it("are one while calls follow each other, and while few overlap", async () => {
    await using world = new World();
    const worker = await ScriptedWorker.start(world, idOf(1), (request) => request.answer(request.payload));
    const { client } = await world.client();
    for (let n = 0; n < 20; n += 1) await collect(client.roundRobin(n));
    await Promise.all(Array.from({ length: 50 }, (_, n) => collect(client.roundRobin(n))));
    expect(worker.accepted).toBe(1);
  });

  it("are made once for a burst on a cold pool, not once per call", async () => {
    await using world = new World();
    const worker = await ScriptedWorker.start(world, idOf(1), (request) => request.answer(request.payload));
    const { client } = await world.client({ tcp: { channelBuffer: 40, poolSize: 50 } });
    await Promise.all(Array.from({ length: 100 }, (_, n) => collect(client.roundRobin(n))));
    expect(worker.accepted).toBe(3);
  });

  it("are closed when they were idle for long enough, and made again when needed", async () => {
    await using world = new World();
    const worker = await ScriptedWorker.start(world, idOf(1), (request) => request.answer(request.payload));
    const { client, manager } = await world.client({ tcp: { channelBuffer: 5, idleMs: 100 } });
    await Promise.all(Array.from({ length: 40 }, (_, n) => collect(client.roundRobin(n))));
    expect(worker.accepted).toBeGreaterThan(1);
    await until("all are closed", () => worker.connections === 0 && connectionsOf(manager) === 0);
    const before = worker.accepted;
    expect(await collect(client.roundRobin("again"))).toEqual(["again"]);
    expect(worker.accepted).toBe(before + 1);
  });

  it("are kept while a request waits for its acknowledgement, however idle", async () => {
    await using world = new World();
    const worker = await ScriptedWorker.start(world, idOf(1), () => undefined);
    const { client, manager } = await world.client({ tcp: { idleMs: 20 } });
    const call = collect(client.roundRobin("slow"));
    await until("the request is there", () => worker.requests.length === 1);
    const before = performance.now();
    await until("idleMs has passed many times", () => performance.now() - before > 200);
    expect(connectionsOf(manager)).toBe(1);
    await worker.requests[0]!.answer("slow");
    expect(await call).toEqual(["slow"]);
  });

  it("that the worker closed are replaced without an error", async () => {
    await using world = new World();
    const worker = await ScriptedWorker.start(world, idOf(1), (request) => request.answer(request.payload));
    const { client, manager } = await world.client();
    for (let n = 0; n < 10; n += 1) {
      expect(await collect(client.roundRobin(n))).toEqual([n]);
      worker.requests[n]!.socket.end();
      await until("the connection is gone", () => connectionsOf(manager) === 0);
    }
    expect(worker.accepted).toBe(10);
  });

  it("let small requests pass while a large one is being uploaded", async () => {
    await using world = new World();
    const worker = await ScriptedWorker.start(world, idOf(1), async (request) => {
      await request.answer((request.payload as string).length);
      // What comes next on the first connection is not read for a while.
      if (request.index === 0) request.socket.pause();
    });
    const { client } = await world.client<string, number>();
    expect(await collect(client.roundRobin("warm"))).toEqual([4]);
    await until("the first connection is not read", () => worker.requests[0]!.socket.isPaused());
    const large = collect(client.roundRobin("x".repeat(20_000_000)));
    await new Promise((resolve) => setImmediate(resolve));
    const small = await Promise.all(Array.from({ length: 100 }, () => collect(client.roundRobin("small"))));
    expect(small.flat()).toEqual(Array(100).fill(5));
    expect(worker.accepted).toBe(2);
    worker.requests[0]!.socket.resume();
    expect(await large).toEqual([20_000_000]);
  });

  it("that bring nothing but trouble are not made faster and faster", async () => {
    await using world = new World();
    const worker = await ScriptedWorker.start(world, idOf(1), ({ socket }) => void socket.destroy());
    const { client } = await world.client({ tcp: { poolSize: 4, channelBuffer: 25 } });
    const calls = Array.from({ length: 100 }, (_, n) =>
      client.roundRobin(n).catch((error: unknown) => error),
    );
    await Promise.all(calls);
    // Each connection takes the calls that it carries down with it.
    expect(worker.accepted).toBe(4);
  });
});
