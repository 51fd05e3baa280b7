/** What becomes of responses over NATS whose messages are lost, repeated, reordered or changed. */
import { describeWithNats } from "@dynamo/nats-server/vitest";
import { expect, it } from "vitest";
import { until } from "@dynamo/test-support";
import { collect, failureOf, settled } from "@dynamo/test-world";
import { Relay } from "./support/relay.ts";
import type { Damage } from "./support/relay.ts";
import { World } from "./support/world.ts";

const ITEMS = 300;
const QUICK = { heartbeatMs: 40, requestTimeoutMs: 400 };

/** One of many is damaged so. */
const DAMAGES: Readonly<Record<string, (data: Buffer) => ReturnType<Damage>>> = {
  lost: () => [],
  repeated: (data) => [data, data],
  "swapped with the next": () => "hold",
  shortened: (data) => [data.subarray(0, data.length - 3)],
  "cut to almost nothing": (data) => [data.subarray(0, 5)],
  "with a length that is too large": (data) => [withByte(data, 8, 0x7f)],
  "with a kind that nobody knows": (data) => [withByte(data, 16, 99)],
  "with an impossible interval": (data) => [withByte(data, 4, 0xff)],
};

function withByte(data: Buffer, at: number, value: number): Buffer {
  const changed = Buffer.from(data);
  if (at < changed.length) changed[at] = value;
  return changed;
}

async function* count(): AsyncGenerator<number> {
  for (let index = 0; index < ITEMS; index += 1) {
    yield index;
    if (index % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

describeWithNats("a message of a response", () => {
  for (const from of ["worker", "caller"] as const) {
    it.each(Object.keys(DAMAGES))(`of the ${from} that is %s`, async (name) => {
      const relay = await Relay.start();
      await using world = new World(relay.caller);
      const nats = { ...QUICK, servers: relay.worker.url };
      const worker = await world.worker(count, { nats });
      const caller = await world.client<unknown, number>({
        nats: QUICK,
        settings: { responseMode: "inband" },
      });
      expect(await collect(caller.client.random({}))).toHaveLength(ITEMS);
      let passed = 0;
      let damaged = 0;
      relay.damage = (message) => {
        if (!message.isLink || message.from !== from || ++passed % 4 !== 0) return "pass";
        damaged += 1;
        return DAMAGES[name]!(message.data);
      };
      const calls = Array.from({ length: 10 }, () =>
        collect(caller.client.random({}, { failover: false })).then(
          (items) => items.length,
          (error: unknown) => (error as { code: string }).code,
        ),
      );
      for (const outcome of await Promise.all(calls))
        expect([ITEMS, "disconnected", "protocol_error", "deadline_exceeded"]).toContain(outcome);
      if (name === "repeated") expect(await Promise.all(calls)).toEqual(calls.map(() => ITEMS));
      if (from === "worker") expect(damaged).toBeGreaterThan(0);
      relay.damage = () => "pass";
      await until("calls work again", () =>
        collect(caller.client.random({})).then(
          (items) => items.length === ITEMS,
          () => false,
        ),
      );
      await settled(caller.manager, worker.manager);
    });
  }
});

describeWithNats("silence", () => {
  it("of the worker is noticed by the caller, and that of the caller by the worker", async () => {
    const relay = await Relay.start();
    await using world = new World(relay.caller);
    let killed = 0;
    const worker = await world.worker(
      async function* (_request, { signal }) {
        yield 1;
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        killed += 1;
      },
      { nats: { ...QUICK, servers: relay.worker.url } },
    );
    const caller = await world.client({ nats: QUICK, settings: { responseMode: "inband" } });
    const streams = await Promise.all([1, 2, 3].map(() => caller.client.random({})));
    expect(worker.manager.health().responsesWritten).toBe(3);
    let beats = 0;
    relay.damage = ({ from }) => {
      beats += from === "caller" ? 1 : 0;
      return "pass";
    };
    await until("the worker knows how often it hears of the caller", () => beats > 3);
    relay.damage = () => [];
    for (const stream of streams)
      expect(await failureOf(collect(stream))).toMatchObject({ code: "disconnected" });
    await until("the worker has noticed too", () => killed === 3);
    await settled(caller.manager, worker.manager);
  });

  it("is none while responses are open and nothing is to be said", async () => {
    const relay = await Relay.start();
    await using world = new World(relay.caller);
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    await world.worker(
      async function* () {
        yield 1;
        await gate;
        yield 2;
      },
      { nats: { ...QUICK, servers: relay.worker.url } },
    );
    const caller = await world.client({ nats: QUICK, settings: { responseMode: "inband" } });
    const stream = await caller.client.random({});
    let beats = 0;
    relay.damage = ({ from }) => {
      beats += from === "worker" ? 1 : 0;
      return "pass";
    };
    await until("many heartbeats have gone by", () => beats > 20);
    go();
    expect(await collect(stream)).toEqual([1, 2]);
    await settled(caller.manager);
  });
});
