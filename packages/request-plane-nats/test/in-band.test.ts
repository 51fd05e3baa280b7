/** Responses over NATS itself. That they behave as those of other planes, the conformance kit tests. */
import { connect } from "@nats-io/transport-node";
import { setTimeout as sleep } from "node:timers/promises";
import { describeWithNats, natsServer } from "@dynamo/nats-server/vitest";
import { expect, it } from "vitest";
import { standsStill, until } from "@dynamo/test-support";
import { collect, failureOf, settled } from "@dynamo/test-world";
import { World } from "./support/world.ts";

/** The last one while the worker is not back yet. */
const REASONS = ["disconnected", "cannot_connect", "no_instances", "deadline_exceeded", "unknown_endpoint"];
const IN_BAND = { responseMode: "inband" } as const;

describeWithNats("a response over NATS", () => {
  it("has items that are larger than the server's messages, up to the caller's limit", async () => {
    const nats = await natsServer({ maxPayload: 16 * 1024 });
    await using world = new World(nats);
    const worker = await world.worker<number, string>(async function* (length) {
      yield "first";
      yield "é".repeat(length / 2);
      yield "last";
    });
    const settings = { ...IN_BAND, maxResponseMessageBytes: 1_000_000 };
    const { client, manager } = await world.client<number, string>({ settings });
    for (const length of [16_000, 16_368, 100_000, 900_000]) {
      const items = await collect(client.random(length));
      expect(items.map((item) => Buffer.byteLength(item))).toEqual([5, length, 4]);
    }
    const [large, small] = [failureOf(collect(client.random(2_000_000))), collect(client.random(10))];
    expect(await large).toMatchObject({ code: "payload_too_large", facts: { limit: 1_000_000 } });
    expect(await small).toHaveLength(3);
    await settled(manager, worker.manager);
  });

  it("is refused in the reply, and asked for elsewhere", async () => {
    await using world = new World(await natsServer());
    const hold = async function* (_request: unknown, { signal }: { signal: AbortSignal }) {
      yield 1;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    };
    const worker = await world.worker(hold, { maxInFlight: 1 });
    const { client, manager } = await world.client({ settings: IN_BAND });
    const stream = await client.random({});
    expect(await failureOf(client.random({}))).toMatchObject({ code: "overloaded" });
    stream.cancel();
    await settled(manager, worker.manager);
  });

  it("needs no subscription of its own", async () => {
    const nats = await natsServer({ lines: ["http: 127.0.0.1:-1"] });
    await using world = new World(nats);
    const hold = async function* (_request: unknown, { signal }: { signal: AbortSignal }) {
      yield 1;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    };
    await world.worker(hold);
    const { client, manager } = await world.client({ settings: IN_BAND });
    const monitor = /http monitor on (127\.0\.0\.1:\d+)/.exec(nats.output)?.[1];
    const subscriptions = async (): Promise<number> => {
      const answer = await fetch(`http://${monitor}/subsz`);
      return ((await answer.json()) as { num_subscriptions: number }).num_subscriptions;
    };
    const first = await client.random({});
    const before = await subscriptions();
    const streams = await Promise.all(Array.from({ length: 100 }, () => client.random({})));
    expect(await subscriptions()).toBe(before);
    for (const stream of [first, ...streams]) stream.cancel();
    await settled(manager);
  });

  it("that nobody reads holds its worker, and little of it is kept", async () => {
    await using world = new World(await natsServer());
    const item = "x".repeat(10_000);
    let produced = 0;
    const worker = await world.worker(async function* () {
      for (; ; produced += 1) yield item;
    });
    const settings = { ...IN_BAND, responseBufferBytes: 64 * 1024 };
    const { client, manager } = await world.client({ settings });
    const stream = await client.random({});
    expect((await standsStill("the worker", () => produced)) * item.length).toBeLessThan(1_000_000);
    stream.cancel();
    await settled(manager, worker.manager);
  });

  it("ends soon with `disconnected` when its worker is gone without a word", async () => {
    const nats = await natsServer();
    await using world = new World(nats);
    const connection = await connect({ servers: `127.0.0.1:${nats.port}` });
    await world.worker(
      async function* (_request, { signal }) {
        yield 1;
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
      { nats: { connection } },
    );
    const { client, manager } = await world.client({ settings: IN_BAND, nats: { heartbeatMs: 50 } });
    const stream = await client.random({});
    await connection.close();
    expect(await failureOf(collect(stream))).toMatchObject({ code: "disconnected" });
    await settled(manager);
  });

  it("ends the worker's part when the caller is gone without a word", async () => {
    const nats = await natsServer();
    await using world = new World(nats);
    const connection = await connect({ servers: `127.0.0.1:${nats.port}` });
    const worker = await world.worker(
      async function* (_request, { signal }) {
        yield 1;
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
      { nats: { heartbeatMs: 50 } },
    );
    const { client } = await world.client({ settings: IN_BAND, nats: { connection } });
    const stream = await client.random({});
    await connection.close();
    expect(await failureOf(collect(stream))).toMatchObject({ code: "disconnected" });
    await settled(worker.manager);
  });
});

describeWithNats("when NATS is killed under load", () => {
  it("no response is cut short without an error, nothing is left, and calls work again", async () => {
    const nats = await natsServer();
    await using world = new World(nats);
    const worker = await world.worker<number, number>(async function* (count) {
      for (let index = 0; index < count; index += 1) {
        yield index;
        if (index % 20 === 0) await sleep(1);
      }
    });
    const { client, manager } = await world.client<number, number>({ settings: IN_BAND });
    let isOver = false;
    const outcomes = { whole: 0, failed: 0 };
    const callers = Array.from({ length: 40 }, async () => {
      while (!isOver) {
        try {
          const items = await collect(client.random(200));
          expect(items).toHaveLength(200);
          outcomes.whole += 1;
        } catch (error) {
          expect(REASONS).toContain((error as { code?: string }).code ?? error);
          outcomes.failed += 1;
          await sleep(10);
        }
      }
    });
    for (let round = 0; round < 2; round += 1) {
      const { whole } = outcomes;
      await until("calls work", () => outcomes.whole > whole + 40);
      await nats.kill("SIGKILL");
      await until("the caller knows", () => manager.health().planes["nats"]?.connections === 0);
      await nats.start();
    }
    const { whole } = outcomes;
    await until("calls work again", () => outcomes.whole > whole + 40);
    isOver = true;
    await Promise.all(callers);
    expect(outcomes.failed).toBeGreaterThan(0);
    await settled(manager, worker.manager);
  });
});
