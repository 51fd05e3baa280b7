import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { Timeouts } from "@dynamo/request-plane-core";
import { describe, expect, it } from "vitest";
import { twoPart } from "@dynamo/test-support/raw-frames";
import { ScriptedWorker } from "./support/scripted-worker.ts";
import type { Script } from "./support/scripted-worker.ts";
import { until } from "@dynamo/test-support";
import { collect, failureOf, idOf, settled } from "@dynamo/test-world";
import { World } from "./support/world.ts";

const NONE: Timeouts = { establishMs: 0, firstItemMs: 0, betweenItemsMs: 0, totalMs: 0 };

interface Bound {
  readonly phase: string;
  readonly timeouts: Partial<Timeouts>;
  readonly script: Script;
}

const BOUNDS: readonly Bound[] = [
  { phase: "establish", timeouts: { establishMs: 150 }, script: (request) => void request.ack() },
  {
    phase: "first_item",
    timeouts: { firstItemMs: 150 },
    script: async (request) => {
      await request.ack().begin();
    },
  },
  {
    phase: "between_items",
    timeouts: { betweenItemsMs: 150 },
    script: async (request) => {
      (await request.ack().begin()).item(1);
    },
  },
  {
    phase: "total",
    timeouts: { totalMs: 300 },
    script: async (request) => {
      await request.ack().begin();
      while (!request.response.destroyed) {
        request.item("drip");
        await sleep(10);
      }
    },
  },
];

describe.concurrent("each bound on waiting", () => {
  it.each(BOUNDS)("given with the call ends it alone: $phase", async ({ phase, timeouts, script }) => {
    await using world = new World();
    const worker = await ScriptedWorker.start(world, idOf(1), script);
    const { client, manager } = await world.client({ settings: NONE });
    const limit = Object.values(timeouts)[0]!;
    const before = performance.now();
    const error = await failureOf(client.roundRobin({}, { timeouts }).then(collect));
    expect(error).toMatchObject({ code: "deadline_exceeded", facts: { phase, limit } });
    expect(performance.now() - before).toBeGreaterThanOrEqual(limit - 2);
    expect(client.inFlight).toBe(0);
    const request = worker.requests[0]!;
    if (phase !== "establish") await until("the worker is told", () => request.controls.includes('"kill"'));
    await settled(manager);
  });

  it.each(BOUNDS)("can be a setting of the manager: $phase", async ({ phase, timeouts, script }) => {
    await using world = new World();
    await ScriptedWorker.start(world, idOf(1), script);
    const { client } = await world.client({ settings: { ...NONE, ...timeouts } });
    const error = await failureOf(client.roundRobin({}).then(collect));
    expect(error).toMatchObject({ code: "deadline_exceeded", facts: { phase } });
  });

  it("is none when it is 0, for every wait", async () => {
    await using world = new World();
    await ScriptedWorker.start(world, idOf(1), async (request) => {
      request.ack();
      await sleep(150);
      await request.begin();
      await sleep(150);
      request.item(1);
      await sleep(150);
      request.item(2).finish();
    });
    const short = { establishMs: 50, firstItemMs: 50, betweenItemsMs: 50, totalMs: 200 };
    const { client } = await world.client({ settings: short });
    expect(await collect(client.roundRobin({}, { timeouts: NONE }))).toEqual([1, 2]);
  });
});

describe.concurrent("the bound between items", () => {
  it("does not run while the caller is busy with an item", async () => {
    await using world = new World();
    await world.worker(() => [1, 2, 3]);
    const { client } = await world.client({ settings: { betweenItemsMs: 50 } });
    const items: unknown[] = [];
    for await (const item of await client.roundRobin({})) {
      items.push(item);
      await sleep(120);
    }
    expect(items).toEqual([1, 2, 3]);
  });

  it("begins anew with each item", async () => {
    await using world = new World();
    await world.worker(async function* () {
      for (let i = 0; i < 12; i += 1) {
        await sleep(50);
        yield i;
      }
    });
    // Much less than the whole stream takes.
    const { client } = await world.client({ settings: { firstItemMs: 0, betweenItemsMs: 400 } });
    expect((await collect(client.roundRobin({}))).length).toBe(12);
  });
});

describe.concurrent("the total bound", () => {
  it("covers all attempts together", async () => {
    await using world = new World();
    await ScriptedWorker.start(world, idOf(1), (request) => void request.ack());
    await ScriptedWorker.start(world, idOf(2), (request) => void request.ack());
    const { client, manager } = await world.client({ settings: { establishMs: 250 } });
    const before = performance.now();
    const error = await failureOf(client.roundRobin({}, { timeouts: { totalMs: 400 } }));
    expect(error).toMatchObject({ code: "deadline_exceeded", facts: { phase: "total", limit: 400 } });
    // The second attempt had begun, and was cut by the total.
    expect(performance.now() - before).toBeGreaterThanOrEqual(398);
    await settled(manager);
  });

  it("is not sent a request for that is still queued when it runs out", async () => {
    await using world = new World();
    const worker = await ScriptedWorker.start(world, idOf(1), () => undefined);
    const { client, manager } = await world.client<string, string>({
      tcp: { poolSize: 1, channelBuffer: 1 },
    });
    const first = collect(client.roundRobin("first"));
    await until("the only place is taken", () => worker.requests.length === 1);
    const queued = failureOf(client.roundRobin("queued", { timeouts: { totalMs: 100 } }));
    expect((await queued).facts.phase).toBe("total");
    await worker.requests[0]!.answer("first");
    expect(await first).toEqual(["first"]);
    await settled(manager);
    expect(worker.requests.map(({ payload }) => payload)).toEqual(["first"]);
  });

  it("reaches the worker: its deadline is the caller's, and its signal aborts by then", async () => {
    await using world = new World();
    const seen = Promise.withResolvers<{ deadline: number; at: number; reason: unknown }>();
    const { served } = await world.worker(async function* (_request, { deadline, signal }) {
      yield "first";
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      seen.resolve({ deadline: deadline!, at: Date.now(), reason: signal.reason });
    });
    const { client } = await world.client();
    const before = Date.now();
    const reading = failureOf(client.roundRobin({}, { timeouts: { totalMs: 300 } }).then(collect));
    expect((await reading).facts.phase).toBe("total");
    const { deadline, reason } = await seen.promise;
    expect(deadline).toBeGreaterThanOrEqual(before + 299);
    expect(["deadline_exceeded", "cancelled"]).toContain((reason as { code: string }).code);
    await until("nothing is in flight", () => served.inFlight === 0);
  });

  it("is told to the second worker as what is left of it", async () => {
    await using world = new World();
    await ScriptedWorker.start(world, idOf(1), (request) => void request.ack());
    await world.worker((_request, { deadline }) => [deadline], { instanceId: idOf(2) });
    const { client } = await world.client<unknown, number>({ settings: { establishMs: 300 } });
    const before = Date.now();
    const [deadline] = await collect(client.roundRobin({}, { timeouts: { totalMs: 5_000 } }));
    expect(Date.now() - before).toBeGreaterThanOrEqual(299);
    // A tolerance for the way between the two, much less than the time that the first attempt took.
    expect(deadline).toBeLessThanOrEqual(before + 5_000 + 150);
  });
});

describe("the end mark", () => {
  it("is enough when the worker never closes, and its connection is closed then", async () => {
    await using world = new World();
    const worker = await ScriptedWorker.start(world, idOf(1), async (request) => {
      (await request.ack().begin()).item(1).body('{"complete_final":true}');
    });
    const { client, manager } = await world.client();
    expect(await collect(client.roundRobin({}))).toEqual([1]);
    expect(client.inFlight).toBe(0);
    await until("the response connection is closed", () => worker.requests[0]!.response.closed);
    await settled(manager);
  });

  it("may come with the last item, and nothing may come after it", async () => {
    await using world = new World();
    await ScriptedWorker.start(world, idOf(1), async (request) => {
      (await request.ack().begin()).item(1).body('{"data":{"data":2},"complete_final":true}');
      if (request.payload === "more") request.item(3);
      request.header("sentinel");
    });
    const { client } = await world.client();
    expect(await collect(client.roundRobin("whole"))).toEqual([1, 2]);
    expect((await failureOf(client.roundRobin("more").then(collect))).code).toBe("protocol_error");
  });

  it("that is missing is never a clean end, wherever the bytes stop", async () => {
    await using world = new World();
    let cut = 0;
    await ScriptedWorker.start(world, idOf(1), async (request) => {
      await request.ack().dial();
      request.response.end(answerOf(request.info.subject).bytes.subarray(0, cut));
    });
    const { client, manager } = await world.client({ settings: { establishMs: 100 } });
    const { bytes, wholeAt } = answerOf(randomUUID());
    const outcomes = new Set<boolean>();
    for (cut = 0; cut < bytes.length; cut += 11) {
      const result = await client
        .roundRobin({})
        .then(collect)
        .catch((error: unknown) => error);
      if (cut >= wholeAt) expect(result).toEqual([1, 2]);
      else expect(result).toBeInstanceOf(RequestPlaneError);
      outcomes.add(cut >= wholeAt);
    }
    expect(outcomes.size).toBe(2);
    await settled(manager);
  });
});

/** What a worker sends, and after how many bytes it has said that the response is whole. */
function answerOf(subject: string): { bytes: Buffer; wholeAt: number } {
  const sentinel = twoPart('"sentinel"');
  const bytes = Buffer.concat([
    twoPart(JSON.stringify({ subject, stream_type: "response" })),
    twoPart('{"error":null}'),
    ...[1, 2].map((data) => twoPart("", JSON.stringify({ data: { data }, complete_final: false }))),
    twoPart("", '{"complete_final":true}'),
    sentinel,
  ]);
  return { bytes, wholeAt: bytes.length - sentinel.length };
}
