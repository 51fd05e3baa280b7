/** What a caller does with workers on a switched connection that break the rules, are slow, or can't do it. */
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "@dynamo/test-support";
import { collect, failureOf, FAILING_RESPONSES, idOf, settled } from "@dynamo/test-world";
import type { FailingResponse, KindAndBody } from "@dynamo/test-world";
import { describe, expect, it } from "vitest";
import { inBandFrame, KINDS, RawInBandWorker } from "./support/in-band-peers.ts";
import type { InBandScript } from "./support/in-band-peers.ts";
import { ScriptedWorker } from "./support/scripted-worker.ts";
import { connectionsOf, World } from "./support/world.ts";

/** Answers every request with these frames. */
function answering(...frames: readonly KindAndBody[]): InBandScript {
  return ({ kind, stream }, socket) => {
    if (kind !== KINDS.REQUEST) return;
    socket.write(Buffer.concat(frames.map(([one, body]) => inBandFrame(one, stream, body))));
  };
}

const QUICK = { tcp: { requestTimeoutMs: 200, connectTimeoutMs: 200, idleMs: 100 } };

describe("a worker on a switched connection", () => {
  it("answers, with items and envelopes", async () => {
    await using world = new World();
    const frames = [[KINDS.OPENED], [KINDS.ITEM, "1"], [KINDS.ANNOTATED, '{"data":2,"id":"b"}'], [KINDS.END]];
    await RawInBandWorker.start(world, idOf(1), answering(...(frames as [number, string?][])));
    const { client, manager } = await world.client<unknown, number>();
    expect(await collect(client.roundRobin({}))).toEqual([1, 2]);
    const annotated = await client.roundRobin({});
    expect(await collect(annotated.annotated())).toEqual([{ data: 1 }, { data: 2, id: "b" }]);
    await settled(manager);
  });

  it.each<FailingResponse>([
    ...FAILING_RESPONSES,
    ["a refusal", [[KINDS.REFUSED, "Server overloaded: full"]], "overloaded"],
    ["a caller's frame", [[KINDS.KILL]], "protocol_error"],
  ])("that sends %s fails its call with the right code", async (_name, frames, code) => {
    await using world = new World();
    const worker = await RawInBandWorker.start(world, idOf(1), answering(...frames));
    const { client, manager } = await world.client();
    const error = await failureOf(
      client.roundRobin({}, { failover: false }).then((stream) => collect(stream)),
    );
    expect(error.code).toBe(code);
    await settled(manager);
    await manager.close();
    await until("no socket is left", () => worker.open === 0);
  });

  it.each([
    ["a frame about a stream that was never opened", [inBandFrame(KINDS.ITEM, 77, "1")]],
    ["a farewell", [inBandFrame(KINDS.REFUSED, 0, "Server unavailable: bye")]],
    ["something else about the connection", [inBandFrame(KINDS.END, 0)]],
    ["a very large word about the connection", [inBandFrame(KINDS.REFUSED, 0, "x".repeat(100_000))]],
  ])("that sends %s ends all its streams, and the next call has a new connection", async (_name, bytes) => {
    await using world = new World();
    let isBad = true;
    const worker = await RawInBandWorker.start(world, idOf(1), ({ kind, stream }, socket) => {
      if (kind !== KINDS.REQUEST) return;
      if (!isBad)
        socket.write(Buffer.concat([inBandFrame(KINDS.ITEM, stream, "1"), inBandFrame(KINDS.END, stream)]));
      else if (stream === 2) socket.write(Buffer.concat(bytes));
    });
    const { client, manager } = await world.client();
    const calls = [1, 2].map(() => failureOf(client.roundRobin({}, { failover: false })));
    for (const { code } of await Promise.all(calls))
      expect(["protocol_error", "disconnected"]).toContain(code);
    isBad = false;
    expect(await collect(client.roundRobin({}))).toEqual([1]);
    expect(worker.sockets).toHaveLength(2);
    await settled(manager);
  });

  it("that sends more than it may is killed, with its own stream only", async () => {
    await using world = new World();
    const item = JSON.stringify("x".repeat(100_000));
    const worker = await RawInBandWorker.start(world, idOf(1), ({ kind, stream }, socket) => {
      if (kind !== KINDS.REQUEST) return;
      const items = stream === 1 ? 20 : 1;
      for (let i = 0; i < items; i += 1) socket.write(inBandFrame(KINDS.ITEM, stream, item));
      if (stream !== 1) socket.write(inBandFrame(KINDS.END, stream));
    });
    const { client, manager } = await world.client({ settings: { responseBufferBytes: 1_024 } });
    const stream = await client.roundRobin({});
    await until("it is killed", () => worker.of(KINDS.KILL).length === 1);
    expect((await failureOf(collect(stream))).code).toBe("protocol_error");
    expect(await collect(client.roundRobin({}))).toHaveLength(1);
    await settled(manager);
  });

  it("whose item is too large fails that call, and the connection goes on", async () => {
    await using world = new World();
    const worker = await RawInBandWorker.start(world, idOf(1), ({ kind, stream }, socket) => {
      if (kind !== KINDS.REQUEST) return;
      const item = JSON.stringify("x".repeat(stream === 1 ? 3_000_000 : 10));
      socket.write(Buffer.concat([inBandFrame(KINDS.ITEM, stream, item), inBandFrame(KINDS.END, stream)]));
    });
    const { client, manager } = await world.client({ settings: { maxResponseMessageBytes: 4_000 } });
    expect(await failureOf(client.roundRobin({}))).toMatchObject({
      code: "payload_too_large",
      facts: { limit: 4_000, actual: 3_000_002 },
    });
    expect(await collect(client.roundRobin({}))).toHaveLength(1);
    expect(worker.sockets).toHaveLength(1);
    await settled(manager);
  });

  it("that says nothing is waited for as long as for an acknowledgement, and others on a live connection stay", async () => {
    await using world = new World();
    const worker = await RawInBandWorker.start(world, idOf(1), ({ kind, stream }, socket) => {
      if (kind !== KINDS.REQUEST || stream === 2) return;
      const ticking = setInterval(() => socket.write(inBandFrame(KINDS.ITEM, stream, "1")), 20);
      socket.on("close", () => clearInterval(ticking));
    });
    const { client, manager } = await world.client(QUICK);
    const live = await client.roundRobin({});
    expect(await failureOf(client.roundRobin({}, { failover: false }))).toMatchObject({
      code: "deadline_exceeded",
      facts: { phase: "acknowledge", setting: "DYN_TCP_REQUEST_TIMEOUT" },
    });
    await until("it is told", () => worker.of(KINDS.KILL).length === 1);
    expect(worker.of(KINDS.KILL)).toEqual([{ kind: KINDS.KILL, stream: 2, body: "" }]);
    expect(worker.open).toBe(1);
    live.cancel();
    await until("it is told", () => worker.of(KINDS.KILL).length === 2);
    await settled(manager);
  });

  it("that is gone without a word costs one wait, not one for each call", async () => {
    await using world = new World();
    const worker = await RawInBandWorker.start(world, idOf(1), () => undefined);
    const { client, manager } = await world.client(QUICK);
    const calls = Array.from({ length: 20 }, () => failureOf(client.roundRobin({}, { failover: false })));
    for (const { code } of await Promise.all(calls))
      expect(["deadline_exceeded", "disconnected"]).toContain(code);
    await until("its connection is closed", () => worker.open === 0 && connectionsOf(manager) === 0);
    await settled(manager);
  });

  it("is told of a stop once and of a kill once, and nothing afterwards", async () => {
    await using world = new World();
    const worker = await RawInBandWorker.start(world, idOf(1), answering([KINDS.ITEM, "1"]));
    const { client, manager } = await world.client();
    const stream = await client.roundRobin({});
    stream.stop();
    stream.stop();
    stream.cancel();
    stream.stop();
    stream.cancel();
    await until("it is told", () => worker.frames.length >= 3);
    await sleep(20);
    expect(worker.frames.map(({ kind }) => kind)).toEqual([KINDS.REQUEST, KINDS.STOP, KINDS.KILL]);
    await settled(manager);
  });
});

describe("the switch", () => {
  it("that is declined makes the call go on with call-home, and is not tried again", async () => {
    await using world = new World();
    const worker = await ScriptedWorker.start(world, idOf(1), (request) => request.answer(request.index));
    world.discovery.put({ ...worker.record, response_transports: ["tcp_inband"] });
    const { client, manager } = await world.client();
    const calls = Array.from({ length: 5 }, () => collect(client.roundRobin({})));
    expect((await Promise.all(calls)).flat().sort()).toEqual([0, 1, 2, 3, 4]);
    expect(await collect(client.roundRobin({}))).toEqual([5]);
    expect(worker.declined).toBe(1);
    // Another record may be another worker.
    const other = ["other", "tcp_inband"];
    world.discovery.put({ ...worker.record, response_transports: other });
    await until("the client knows", () => client.instances()[0]!["response_transports"] === other);
    expect(await collect(client.roundRobin({}))).toEqual([6]);
    expect(worker.declined).toBe(2);
    await settled(manager);
  });

  it("that is declined is an error where nothing else is allowed", async () => {
    await using world = new World();
    const worker = await ScriptedWorker.start(world, idOf(1), (request) => request.answer(request.index));
    world.discovery.put({ ...worker.record, response_transports: ["tcp_inband"] });
    const { client, manager } = await world.client({ settings: { responseMode: "inband" } });
    expect((await failureOf(client.roundRobin({}))).code).toBe("cannot_connect");
    expect(worker.requests).toHaveLength(0);
    await settled(manager);
  });

  it("that is not answered is bounded, and nothing is left", async () => {
    await using world = new World();
    const worker = await RawInBandWorker.start(world, idOf(1), () => undefined, Buffer.alloc(0));
    const { client, manager } = await world.client(QUICK);
    const calls = Array.from({ length: 5 }, () => failureOf(client.roundRobin({}, { failover: false })));
    for (const error of await Promise.all(calls))
      expect(error).toMatchObject({ code: "deadline_exceeded", facts: { phase: "acknowledge" } });
    await until("no connection is left", () => worker.open === 0 && connectionsOf(manager) === 0);
    await settled(manager);
  });

  it("that is answered with nonsense is a protocol error", async () => {
    await using world = new World();
    await RawInBandWorker.start(world, idOf(1), () => undefined, Buffer.alloc(8, 0xff));
    const { client, manager } = await world.client(QUICK);
    expect((await failureOf(client.roundRobin({}, { failover: false }))).code).toBe("protocol_error");
    await settled(manager);
  });

  it("is not tried where the record doesn't offer it or the caller is set to call-home; `inband` says so", async () => {
    await using world = new World();
    await world.worker(() => [1], { environment: { DYN_RESPONSE_PLANE: "callhome" } });
    for (const mode of ["auto", "callhome", "tcp"]) {
      const { client, manager } = await world.client({ environment: { DYN_RESPONSE_PLANE: mode } });
      expect(await collect(client.roundRobin({}))).toEqual([1]);
      await settled(manager);
    }
    const { client } = await world.client({ environment: { DYN_RESPONSE_PLANE: "inband" } });
    expect(await failureOf(client.roundRobin({}))).toMatchObject({
      code: "cannot_connect",
      facts: { setting: "DYN_RESPONSE_PLANE" },
    });
  });
});
