/**
 * Items arrive one by one, in order, each as it was yielded.
 */
import assert from "node:assert/strict";
import type { Handler } from "@dynamo/request-plane-core";
import { inGroup } from "../case.ts";
import type { ConformanceCase } from "../case.ts";
import { collect, single } from "../checks.ts";
import type { Faults } from "../fault-proxy/faults.ts";
import type { Counted } from "../reference/request.ts";
import { gate, within } from "../waiting.ts";

type Case = Omit<ConformanceCase, "group">;
const requires = ["own worker"] as const;

const counts = [1, 2, 100, 10_000].map((items): Case => ({
  name: `${items} items arrive in the order in which they were yielded`,
  run: async (world) => {
    const { client } = await world.reference<Counted>();
    const received = await collect(client.roundRobin({ do: "count", items }));
    assert.deepEqual(
      received.map(({ n }) => n),
      Array.from({ length: items }, (_, n) => n),
    );
  },
}));

const paddings = [0, 1023, 65_535, 65_536, 300_000].map((pad): Case => ({
  name: `three items with ${pad} letters each arrive unchanged`,
  run: async (world) => {
    const { client } = await world.reference<Counted>();
    const received = await collect(client.roundRobin({ do: "count", items: 3, pad }));
    assert.deepEqual(
      received,
      [0, 1, 2].map((n) => ({ n, pad: "x".repeat(pad) })),
    );
  },
}));

/** Networks on which nothing is lost, but nothing arrives as it was written either. */
const SLOW: Readonly<Record<string, Faults>> = {
  "one byte at a time": { pieceBytes: 1 },
  "in pieces of 23 bytes": { pieceBytes: 23 },
  "in pieces of 25 bytes": { pieceBytes: 25 },
  "with a latency that varies": { latencyMs: 1, jitterMs: 10, pieceBytes: 400 },
  "at 200 kB a second": { bytesPerSecond: 200_000 },
};

const slow = Object.entries(SLOW).map(([how, faults]): Case => ({
  name: `a response that arrives ${how} is whole and in order`,
  run: async (world) => {
    const proxy = await world.proxy();
    proxy.toServer = faults;
    const { client } = await world.reference<Counted>({ responsesThrough: proxy });
    const received = await collect(client.roundRobin({ do: "count", items: 20, pad: 20 }));
    assert.deepEqual(
      received,
      Array.from({ length: 20 }, (_, n) => ({ n, pad: "x".repeat(20) })),
    );
    assert.equal(proxy.accepted, 1, "The response didn't come through the proxy");
  },
}));

const HANDLERS: Readonly<Record<string, Handler<unknown, number>>> = {
  "an async generator": async function* () {
    yield* [1, 2, 3];
  },
  "a generator": function* () {
    yield* [1, 2, 3];
  },
  "an array": () => [1, 2, 3],
  "an async iterable made by hand": () => ({
    [Symbol.asyncIterator]: () => {
      let n = 0;
      return {
        next: () => Promise.resolve(++n > 3 ? { done: true, value: undefined } : { done: false, value: n }),
      };
    },
  }),
};

const handlers = Object.entries(HANDLERS).map(([what, handler]): Case => ({
  name: `${what} can be served`,
  requires,
  run: async (world) => {
    await world.serve(handler);
    const { client } = await world.caller<unknown, number>();
    assert.deepEqual(await collect(client.roundRobin({})), [1, 2, 3]);
  },
}));

const others: readonly Case[] = [
  {
    name: "an item arrives while its handler goes on",
    requires,
    run: async (world) => {
      const goOn = gate();
      await world.serve(async function* () {
        yield "first";
        await goOn.passed;
        yield "second";
      });
      const { client } = await world.caller<unknown, string>();
      const items = (await client.roundRobin({}))[Symbol.asyncIterator]();
      assert.deepEqual(await within("The first item", items.next()), { done: false, value: "first" });
      goOn.open();
      assert.deepEqual(await items.next(), { done: false, value: "second" });
      assert.equal((await items.next()).done, true);
    },
  },
  {
    name: "a call resolves when its first item is there, not before",
    requires,
    run: async (world) => {
      const goOn = gate();
      await world.serve(async function* () {
        await goOn.passed;
        yield 1;
      });
      const { client } = await world.caller();
      let resolved = false;
      const call = client.roundRobin({}).then((stream) => {
        resolved = true;
        return stream;
      });
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(resolved, false);
      goOn.open();
      assert.deepEqual(await collect(call), [1]);
    },
  },
  {
    name: "annotations arrive with their event and comment, items with their id",
    run: async (world) => {
      const { client } = await world.reference();
      const items = await collect((await client.roundRobin({ do: "annotate" })).annotated());
      assert.deepEqual(
        items.map(({ event }) => event),
        ["note", undefined, "done"],
      );
      assert.deepEqual(items[0]?.comment, ['"before"']);
      assert.deepEqual([items[1]?.data, items[1]?.id], [1, "one"]);
    },
  },
  {
    name: "plain iteration passes over annotations",
    run: async (world) => {
      const { client } = await world.reference();
      assert.equal(await single(client.roundRobin({ do: "annotate" })), 1);
    },
  },
  {
    name: "two responses at the same time don't mix",
    run: async (world) => {
      const { client } = await world.reference<Counted>();
      const [a, b] = await Promise.all(
        [10, 20].map((pad) => collect(client.roundRobin({ do: "count", items: 50, pad, everyMs: 1 }))),
      );
      assert.ok(a?.every(({ pad }) => pad.length === 10) && a.length === 50);
      assert.ok(b?.every(({ pad }) => pad.length === 20) && b.length === 50);
    },
  },
  {
    name: "calls of next that don't wait for each other get the items in order",
    run: async (world) => {
      const { client } = await world.reference<Counted>();
      const items = (await client.roundRobin({ do: "count", items: 5, everyMs: 5 }))[Symbol.asyncIterator]();
      const results = await Promise.all(Array.from({ length: 6 }, () => items.next()));
      assert.deepEqual(
        results.map(({ done, value }) => (done ? "end" : value?.n)),
        [0, 1, 2, 3, 4, "end"],
      );
    },
  },
  {
    name: "a stream that has ended stays ended",
    run: async (world) => {
      const { client } = await world.reference<Counted>();
      const items = (await client.roundRobin({ do: "count", items: 1 }))[Symbol.asyncIterator]();
      assert.equal((await items.next()).done, false);
      for (let i = 0; i < 3; i += 1) assert.deepEqual(await items.next(), { done: true, value: undefined });
    },
  },
  {
    name: "the stream names its request and the instance that answers",
    requires,
    run: async (world) => {
      const { id } = await world.serve(() => [1]);
      const { client } = await world.caller();
      const stream = await client.roundRobin({}, { id: "my-own-id" });
      assert.deepEqual([stream.id, stream.instance], ["my-own-id", id]);
      await collect(stream);
    },
  },
  {
    name: "an item that has nothing to say is null, not missing",
    requires,
    run: async (world) => {
      await world.serve(() => [null, undefined, 0]);
      const { client } = await world.caller();
      const items = await collect((await client.roundRobin({})).annotated());
      assert.deepEqual(
        items.map(({ data }) => data),
        [null, null, 0],
      );
    },
  },
];

export const STREAMING: readonly ConformanceCase[] = inGroup("streaming", [
  ...counts,
  ...paddings,
  ...slow,
  ...handlers,
  ...others,
]);
