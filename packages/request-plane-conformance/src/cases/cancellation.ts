/**
 * Whoever wants no more gets no more, at once, and the worker hears of it.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { EndpointClient } from "@dynamo/request-plane-core";
import { inGroup } from "../case.ts";
import type { ConformanceCase } from "../case.ts";
import { collect, fails } from "../checks.ts";
import type { Counted, ReferenceRequest } from "../reference/request.ts";
import { until } from "../waiting.ts";
import { accountOf, ends } from "./accounts.ts";
import { CANCELLED_DELIVERIES } from "./cancelled-deliveries.ts";
import { OPERATIONS } from "./operations.ts";

type Case = Omit<ConformanceCase, "group">;
type Reference = EndpointClient<ReferenceRequest>;

const before = Object.entries(OPERATIONS).map(([name, call]): Case => ({
  name: `${name}: a call with an aborted signal is cancelled and never reaches a handler`,
  requires: ["own worker"],
  run: async (world) => {
    let started = 0;
    await world.serve(() => {
      started += 1;
      return [];
    });
    const { client } = await world.caller<ReferenceRequest>();
    const controller = world.controller();
    controller.abort("changed my mind");
    const error = await fails(call(client, "never", { signal: controller.signal }), "cancelled");
    assert.equal(error.cause, "changed my mind");
    await collect(client.roundRobin({ do: "echo", value: 1 }));
    assert.equal(started, 1);
  },
}));

const during = Object.entries(OPERATIONS).map(([name, call]): Case => ({
  name: `${name}: aborting a call that waits for its first item ends it at once, with the reason`,
  run: async (world) => {
    const { client } = await world.reference();
    const controller = world.controller();
    const key = randomUUID();
    const pending = fails(call(client, key, { signal: controller.signal }), "cancelled");
    await ends(client, key, "running");
    controller.abort("enough");
    assert.equal((await pending).cause, "enough");
    await ends(client, key, "killed");
  },
}));

const ENDS: Readonly<Record<string, (client: Reference, request: ReferenceRequest) => Promise<unknown>>> = {
  "leaving the loop": async (client, request) => {
    for await (const _ of await client.roundRobin(request)) break;
  },
  "an exception in the loop": async (client, request) => {
    const loop = async (): Promise<void> => {
      for await (const _ of await client.roundRobin(request)) throw new TypeError("mine");
    };
    await assert.rejects(loop(), TypeError);
  },
  "cancel()": async (client, request) => {
    const stream = await client.roundRobin(request);
    stream.cancel("by hand");
    assert.equal((await fails(collect(stream), "cancelled")).cause, "by hand");
  },
  "disposing the stream": async (client, request) => {
    await using stream = await client.roundRobin(request);
    assert.ok(stream.id);
  },
};

const leaving = Object.entries(ENDS).map(([how, end]): Case => ({
  name: `${how} kills the request at the worker`,
  run: async (world) => {
    const { client } = await world.reference();
    const key = randomUUID();
    await end(client, { do: "endless", key, everyMs: 1 });
    const { reason } = await ends(client, key, "killed");
    assert.equal(reason, "cancelled");
    assert.equal(client.inFlight, 0);
  },
}));

const calls: readonly Case[] = [
  {
    name: "aborting the signal while items arrive ends the loop with cancelled and kills the request",
    run: async (world) => {
      const { client } = await world.reference();
      const key = randomUUID();
      const controller = world.controller();
      const stream = await client.roundRobin(
        { do: "endless", key, everyMs: 1 },
        { signal: controller.signal },
      );
      const reading = fails(collect(stream), "cancelled");
      controller.abort(new RangeError("over"));
      assert.ok((await reading).cause instanceof RangeError);
      await ends(client, key, "killed");
    },
  },
  {
    name: "a stop lets the last items through and ends cleanly",
    run: async (world) => {
      const { client } = await world.reference();
      const key = randomUUID();
      const stream = await client.roundRobin({ do: "endless", key, everyMs: 1 });
      const items: unknown[] = [];
      for await (const item of stream) {
        items.push(item);
        if (items.length === 3) stream.stop();
      }
      assert.equal(items.at(-1), "last words");
      await ends(client, key, "stopped");
    },
  },
  {
    name: "a second stop and a cancel after the end do nothing",
    run: async (world) => {
      const { client } = await world.reference();
      const stream = await client.roundRobin({ do: "endless", key: randomUUID(), everyMs: 1 });
      stream.stop();
      stream.stop();
      assert.equal((await collect(stream)).at(-1), "last words");
      stream.cancel();
      stream.stop();
      assert.equal(client.inFlight, 0);
    },
  },
  {
    name: "a signal that is aborted after the end changes nothing",
    run: async (world) => {
      const { client } = await world.reference();
      const controller = world.controller();
      const { signal } = controller;
      assert.deepEqual(await collect(client.roundRobin({ do: "echo", value: 7 }, { signal })), [7]);
      controller.abort();
      assert.deepEqual(await collect(client.roundRobin({ do: "echo", value: 8 })), [8]);
    },
  },
  {
    name: "a cancelled response leaves its neighbours alone",
    run: async (world) => {
      const { client } = await world.reference();
      const counting = collect(client.roundRobin({ do: "count", items: 50, everyMs: 2 }));
      for (let i = 0; i < 10; i += 1) {
        for await (const _ of await client.roundRobin({ do: "endless", key: randomUUID(), everyMs: 1 }))
          break;
      }
      assert.deepEqual(
        ((await counting) as Counted[]).map(({ n }) => n),
        Array.from({ length: 50 }, (_, n) => n),
      );
    },
  },
  {
    name: "thirty calls that are cancelled at the same moment all end, at both sides",
    run: async (world) => {
      const { client } = await world.reference();
      const controller = world.controller();
      const keys = Array.from({ length: 30 }, () => randomUUID());
      const calls = keys.map((key) =>
        fails(client.roundRobin({ do: "hold", key }, { signal: controller.signal }), "cancelled"),
      );
      await until("all run", async () =>
        (await Promise.all(keys.map((key) => accountOf(client, key)))).every(
          ({ state }) => state === "running",
        ),
      );
      controller.abort();
      await Promise.all(calls);
      for (const key of keys) await ends(client, key, "killed");
    },
  },
  {
    name: "a handler's finally runs when its caller leaves",
    requires: ["own worker"],
    run: async (world) => {
      let cleaned = 0;
      const { served } = await world.serve(async function* () {
        try {
          for (let i = 0; ; i += 1) {
            yield i;
            await new Promise((resolve) => setTimeout(resolve, 1));
          }
        } finally {
          cleaned += 1;
        }
      });
      const { client } = await world.caller();
      for await (const _ of await client.roundRobin({})) break;
      await until("it ran, once", () => cleaned === 1 && served.inFlight === 0);
    },
  },
  {
    name: "a caller that loses its process kills its requests at the worker",
    requires: ["own worker"],
    run: async (world) => {
      const proxy = await world.proxy();
      let reason: unknown;
      await world.serve(async function* (_, { signal }) {
        yield 1;
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        reason = signal.reason;
      });
      const { client } = await world.caller({ responsesThrough: proxy });
      const stream = await client.roundRobin({});
      proxy.disconnect("reset");
      await fails(collect(stream), "disconnected");
      await until(
        "the handler hears of it",
        () => RequestPlaneError.is(reason) && reason.code === "cancelled",
      );
    },
  },
];

export const CANCELLATION: readonly ConformanceCase[] = inGroup("cancellation", [
  ...before,
  ...during,
  ...leaving,
  ...calls,
  ...CANCELLED_DELIVERIES,
]);
