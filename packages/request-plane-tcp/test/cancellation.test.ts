/** Who wants no more, and how the worker and the caller hear of it. */
import { getEventListeners } from "node:events";
import type { RequestContext } from "@dynamo/request-plane-core";
import { describe, expect, it } from "vitest";
import { ScriptedWorker } from "./support/scripted-worker.ts";
import { until } from "@dynamo/test-support";
import { collect, failureOf, idOf, settled } from "@dynamo/test-world";
import { World } from "./support/world.ts";

/** Resolves when the signal aborts. */
async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

/** A handler that notes its contexts and how often its `finally` ran, and yields until it is killed. */
function endless(): { contexts: RequestContext[]; cleanUps: number; handler: Endless } {
  const notes = {
    contexts: [] as RequestContext[],
    cleanUps: 0,
    handler: async function* (_request: unknown, context: RequestContext) {
      notes.contexts.push(context);
      try {
        for (let i = 0; ; i += 1) {
          yield i;
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      } finally {
        notes.cleanUps += 1;
      }
    },
  };
  return notes;
}

type Endless = (request: unknown, context: RequestContext) => AsyncGenerator<number>;

describe("leaving the loop", () => {
  it("kills the handler: its finally runs, its signal aborts, nothing is left in flight", async () => {
    await using world = new World();
    const notes = endless();
    const { served, manager } = await world.worker(notes.handler);
    const caller = await world.client<unknown, number>();
    for await (const item of await caller.client.roundRobin({})) if (item === 3) break;
    await until("the handler is cleaned up", () => notes.cleanUps === 1 && served.inFlight === 0);
    const [context] = notes.contexts;
    expect(context).toMatchObject({ isStopped: true, isKilled: true });
    expect(context!.signal.aborted).toBe(true);
    expect(context!.signal.reason).toMatchObject({ code: "cancelled" });
    expect(caller.client.inFlight).toBe(0);
    await settled(manager, caller.manager);
  });

  it("by an exception, by dispose and by cancel does the same", async () => {
    await using world = new World();
    const notes = endless();
    const { served } = await world.worker(notes.handler);
    const { client } = await world.client<unknown, number>();
    const thrown = (async () => {
      for await (const _ of await client.roundRobin({})) throw new TypeError("mine");
    })();
    expect(await failureOf(thrown)).toBeInstanceOf(TypeError);
    {
      await using stream = await client.roundRobin({});
      expect(stream.id).not.toBe("");
    }
    const stream = await client.roundRobin({});
    const reading = failureOf(collect(stream));
    stream.cancel("enough");
    expect(await reading).toMatchObject({ code: "cancelled", cause: "enough" });
    await until("all are cleaned up", () => notes.cleanUps === 3 && served.inFlight === 0);
  });

  it("reaches a handler that waits for something else through its signal", async () => {
    await using world = new World();
    let woken = false;
    const { served } = await world.worker(async function* (_request, { signal }) {
      yield "first";
      await aborted(signal);
      woken = true;
    });
    const { client } = await world.client();
    for await (const _ of await client.roundRobin({})) break;
    await until("the handler hears of it", () => woken && served.inFlight === 0);
  });
});

describe("an iterable that is no generator", () => {
  it("is told by its return when the caller leaves, even while it waits for an item", async () => {
    await using world = new World();
    const gate = Promise.withResolvers<IteratorResult<string>>();
    let items = 0;
    const iterator = {
      next: () => (items++ === 0 ? Promise.resolve({ done: false, value: "first" }) : gate.promise),
      return: () => {
        const end = { done: true, value: undefined } as const;
        gate.resolve(end);
        return Promise.resolve(end);
      },
    };
    const { served } = await world.worker(() => ({ [Symbol.asyncIterator]: () => iterator }));
    const { client } = await world.client();
    for await (const _ of await client.roundRobin({})) break;
    await until("nothing is in flight", () => served.inFlight === 0);
  });
});

describe("stop()", () => {
  it("lets the handler send its last items, and the loop ends cleanly", async () => {
    await using world = new World();
    await world.worker(async function* (_request, context) {
      yield "working";
      await aborted(context.signal);
      yield { stopped: context.isStopped, killed: context.isKilled };
      yield "usage";
    });
    const { client, manager } = await world.client();
    const stream = await client.roundRobin({});
    const items: unknown[] = [];
    for await (const item of stream) {
      items.push(item);
      stream.stop();
    }
    expect(items).toEqual(["working", { stopped: true, killed: false }, "usage"]);
    await settled(manager);
  });

  it("accepts a worker that closes without an end mark, as releases do", async () => {
    await using world = new World();
    const worker = await ScriptedWorker.start(world, idOf(1), async (request) => {
      (await request.ack().begin()).item("one");
      await until("the worker hears the stop", () => request.controls.includes('"stop"'));
      request.item("two").response.end();
    });
    const { client } = await world.client();
    const stream = await client.roundRobin({});
    stream.stop();
    stream.stop();
    expect(await collect(stream)).toEqual(["one", "two"]);
    expect(worker.requests[0]!.controls.filter((word) => word === '"stop"')).toEqual(['"stop"']);
  });
});

describe("an AbortSignal", () => {
  it("aborted before the call: rejects, and nothing is sent", async () => {
    await using world = new World();
    const worker = await ScriptedWorker.start(world, idOf(1), (request) => request.answer("never"));
    const { client } = await world.client();
    const error = await failureOf(client.roundRobin({}, { signal: AbortSignal.abort("early") }));
    expect(error).toMatchObject({ code: "cancelled", cause: "early" });
    expect(worker.accepted).toBe(0);
    expect(client.inFlight).toBe(0);
  });

  it.each(["the acknowledgement", "the dial-back", "the first item"])(
    "while the call waits for %s: rejects at once, and the worker is told to drop the request",
    async (what) => {
      await using world = new World();
      const worker = await ScriptedWorker.start(world, idOf(1), async (request) => {
        if (what !== "the acknowledgement") request.ack();
        if (what === "the first item") await request.begin();
      });
      const { client, manager } = await world.client();
      const controller = new AbortController();
      const failure = failureOf(client.roundRobin({}, { signal: controller.signal }));
      await until("the request is there", () => worker.requests.length === 1);
      const request = worker.requests[0]!;
      if (what === "the first item")
        await until("the caller is dialled", () => manager.health().responsesAwaited === 1);
      controller.abort();
      expect((await failure).code).toBe("cancelled");
      expect(client.inFlight).toBe(0);
      if (what !== "the first item") await request.begin();
      await until("the worker is told", () => request.controls.includes('"kill"'));
      request.ack();
      await settled(manager);
      expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    },
  );

  it("in the middle: the loop throws and the handler is killed", async () => {
    await using world = new World();
    const notes = endless();
    const { served } = await world.worker(notes.handler);
    const { client, manager } = await world.client<unknown, number>();
    const controller = new AbortController();
    const stream = await client.roundRobin({}, { signal: controller.signal });
    const items: number[] = [];
    const reading = (async () => {
      for await (const item of stream) if (items.push(item) === 5) controller.abort("enough");
    })();
    expect(await failureOf(reading)).toMatchObject({ code: "cancelled", cause: "enough" });
    expect(items).toEqual([0, 1, 2, 3, 4]);
    await until("the handler is cleaned up", () => notes.cleanUps === 1 && served.inFlight === 0);
    await settled(manager);
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  });

  it("after the end: changes nothing and is not listened to any more", async () => {
    await using world = new World();
    await world.worker(() => [1, 2]);
    const { client } = await world.client();
    const controller = new AbortController();
    const { signal } = controller;
    for (let i = 0; i < 20; i += 1) {
      const stream = await client.roundRobin({}, { signal });
      expect(await collect(stream)).toEqual([1, 2]);
    }
    expect(getEventListeners(signal, "abort")).toEqual([]);
    controller.abort();
    expect(await collect(client.roundRobin({}))).toEqual([1, 2]);
  });
});
