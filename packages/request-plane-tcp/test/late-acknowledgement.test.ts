import { describe, expect, it } from "vitest";
import { ScriptedWorker } from "./support/scripted-worker.ts";
import { until } from "@dynamo/test-support";
import { collect, failureOf, idOf, settled } from "@dynamo/test-world";
import { connectionsOf, World } from "./support/world.ts";

describe("an acknowledgement that is late", () => {
  it("costs its request and its connection; later requests are right, on another connection", async () => {
    await using world = new World();
    let isLate = true;
    const worker = await ScriptedWorker.start(world, idOf(1), async (request) => {
      if (isLate) return;
      await request.answer(request.payload);
    });
    const { client, manager } = await world.client({ tcp: { requestTimeoutMs: 300 } });
    const late = await failureOf(client.roundRobin("late"));
    expect(late).toMatchObject({
      code: "deadline_exceeded",
      facts: { phase: "acknowledge", limit: 300, setting: "DYN_TCP_REQUEST_TIMEOUT" },
    });
    isLate = false;
    const first = worker.requests[0]!;
    first.ack();
    await until("the caller closed the connection", () => first.socket.closed);
    for (let i = 0; i < 5; i += 1) expect(await collect(client.roundRobin(i))).toEqual([i]);
    expect(new Set(worker.requests.slice(1).map(({ socket }) => socket))).not.toContain(first.socket);
    expect(worker.accepted).toBe(2);
    await settled(manager);
  });

  it("fails the requests behind it at once, and none of them gets the answer of another", async () => {
    await using world = new World();
    const worker = await ScriptedWorker.start(world, idOf(1), async (request) => {
      // The first two are never acknowledged.
      if (request.index > 1) await request.answer(request.payload);
    });
    const { client } = await world.client({ tcp: { requestTimeoutMs: 300, poolSize: 1 } });
    const [first, second] = await Promise.all([
      failureOf(client.roundRobin("a")),
      failureOf(client.roundRobin("b")),
    ]);
    expect(first.facts.phase).toBe("acknowledge");
    expect(second).toMatchObject({ code: "disconnected" });
    const answers = await Promise.all(["c", "d", "e"].map((text) => collect(client.roundRobin(text))));
    expect(answers).toEqual([["c"], ["d"], ["e"]]);
    expect(worker.accepted).toBe(2);
  });

  it("does not matter when the response has begun already", async () => {
    await using world = new World();
    await ScriptedWorker.start(world, idOf(1), async (request) => {
      (await request.begin()).item("early");
      await until("the caller gave the connection up", () => request.socket.closed);
      request.item("late").finish();
    });
    const { client, manager } = await world.client({ tcp: { requestTimeoutMs: 200 } });
    expect(await collect(client.roundRobin({}))).toEqual(["early", "late"]);
    await settled(manager);
    expect(connectionsOf(manager)).toBe(0);
  });

  it("a reply nobody asked for closes the connection", async () => {
    await using world = new World();
    const worker = await ScriptedWorker.start(world, idOf(1), (request) => request.ack().answer("twice"));
    const { client } = await world.client({ settings: { establishMs: 1_000 } });
    expect(await collect(client.roundRobin({}))).toEqual(["twice"]);
    await until("the connection is closed", () => worker.requests[0]!.socket.closed);
    expect(await collect(client.roundRobin({}))).toEqual(["twice"]);
  });
});
