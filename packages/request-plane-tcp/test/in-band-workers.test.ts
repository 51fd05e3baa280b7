/** What a worker does with callers on a switched connection that break the rules, and with those that don't. */
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServeOptions } from "@dynamo/request-plane-core";
import { until } from "@dynamo/test-support";
import { addressOf, orderedWorker, settled } from "@dynamo/test-world";
import { describe, expect, it } from "vitest";
import { inBandFrame, KINDS, RawCaller, requestBody, SWITCH, u32 } from "./support/in-band-peers.ts";
import { World } from "./support/world.ts";
import type { ManagerSetup } from "./support/world.ts";

async function scene(world: World, setup: ManagerSetup & ServeOptions = {}) {
  const worker = await orderedWorker(world, setup);
  const caller = await RawCaller.connect(addressOf(worker.served.instance));
  return { worker, caller };
}

async function expectRest({ worker, caller }: Awaited<ReturnType<typeof scene>>): Promise<void> {
  caller.socket.destroy();
  await settled(worker.manager);
  await until("the connection is gone", () => worker.manager.health().planes["tcp"]!.connections === 0);
  expect(worker.served.inFlight).toBe(0);
}

describe("a switched connection", () => {
  it("carries many responses at once, each with an end of its own", async () => {
    await using world = new World();
    const made = await scene(world);
    for (let stream = 1; stream <= 50; stream += 1) made.caller.ask(stream, { items: stream });
    for (let stream = 1; stream <= 50; stream += 1) {
      expect(await made.caller.ended(stream)).toBe(KINDS.END);
      expect(made.caller.items(stream)).toEqual(Array.from({ length: stream }, (_, i) => i));
    }
    await expectRest(made);
  });

  it("says at once that a request is accepted whose handler has nothing yet", async () => {
    await using world = new World();
    const made = await scene(world);
    made.caller.ask(1, { hold: true });
    await until("the request is accepted", () => made.caller.of(1).some(({ kind }) => kind === KINDS.OPENED));
    expect(made.worker.manager.health().responsesWritten).toBe(1);
    made.caller.send(KINDS.STOP, 1);
    expect(await made.caller.ended(1)).toBe(KINDS.END);
    expect(made.worker.aborted).toBe(1);
    await expectRest(made);
  });

  it("writes no more than there is credit for, without holding up others", async () => {
    await using world = new World();
    const made = await scene(world);
    made.caller.ask(1, { items: 1_000, pad: 991 }, 10_000);
    made.caller.ask(2, { items: 1_000, pad: 991 }, 2 ** 31 - 1);
    expect(await made.caller.ended(2)).toBe(KINDS.END);
    expect(made.caller.items(2)).toHaveLength(1_000);
    // 1,002 bytes and a head of 9 each: the last one may go over.
    expect(made.caller.items(1)).toHaveLength(10);
    made.caller.send(KINDS.CREDIT, 1, u32(5_000));
    await until("more has come", () => made.caller.items(1).length > 10);
    await sleep(20);
    expect(made.caller.items(1)).toHaveLength(15);
    made.caller.send(KINDS.KILL, 1);
    await until("the handler is let go", () => made.worker.served.inFlight === 0);
    await expectRest(made);
  });

  it("gives up a stream whose caller gives no credit for too long", async () => {
    await using world = new World();
    const made = await scene(world, { settings: { responseStallMs: 100 } });
    made.caller.ask(1, { items: 1_000, pad: 991 }, 10_000);
    expect(await made.caller.ended(1)).toBe(KINDS.RESET);
    await expectRest(made);
  });

  it("holds a worker whose caller reads nothing at all, within bounds, and lets it go in the end", async () => {
    await using world = new World();
    const made = await scene(world, { settings: { responseStallMs: 300 } });
    made.caller.socket.pause();
    for (let stream = 1; stream <= 20; stream += 1)
      made.caller.ask(stream, { items: 100_000, pad: 10_000 }, 2 ** 31 - 1);
    await until("all are given up", () => made.worker.produced > 0 && made.worker.served.inFlight === 0);
    // What the system buffers, and little more.
    expect(made.worker.produced * 10_000).toBeLessThan(64 * 1024 * 1024);
    await expectRest(made);
  });

  it("reads no more of a caller that doesn't read its refusals, and loses none of them", async () => {
    await using world = new World();
    const made = await scene(world);
    const { socket } = made.caller;
    socket.pause();
    const refused = 2_000;
    const body = requestBody("x".repeat(30_000), {});
    for (let stream = 1; stream <= refused; stream += 1)
      socket.write(inBandFrame(KINDS.REQUEST, stream, body));
    let left = 0;
    await until("the worker reads no more", async () => {
      const before = socket.writableLength;
      await sleep(200);
      left = socket.writableLength;
      return left === before;
    });
    expect(left).toBeGreaterThan(refused * 30_000 * 0.2);
    socket.resume();
    expect(await made.caller.ended(refused)).toBe(KINDS.REFUSED);
    expect(made.caller.frames).toHaveLength(refused);
    await expectRest(made);
  });

  it("refuses a request that is too large, skips it and goes on", async () => {
    await using world = new World();
    const made = await scene(world, { tcp: { maxMessageBytes: 4_000 } });
    made.caller.ask(1, { text: "x".repeat(5_000_000) }).ask(2, { items: 2 });
    expect(await made.caller.ended(1)).toBe(KINDS.REFUSED);
    expect(made.caller.of(1)[0]!.body).toMatch(/^Read error: message too large: 5000\d{3} bytes \(max: 4000/);
    expect(await made.caller.ended(2)).toBe(KINDS.END);
    await expectRest(made);
  });

  it("refuses what it doesn't serve and what it can't read, one by one", async () => {
    await using world = new World();
    const made = await scene(world);
    made.caller.send(KINDS.REQUEST, 1, requestBody("1/no/such/endpoint", {}));
    made.caller.send(
      KINDS.REQUEST,
      2,
      Buffer.concat([requestBody("a/b", {}).subarray(0, 11), Buffer.alloc(5)]),
    );
    made.caller.ask(3, { items: 1 });
    expect(await made.caller.ended(1)).toBe(KINDS.REFUSED);
    expect(made.caller.of(1)[0]!.body).toBe("Server unavailable: unknown endpoint 1/no/such/endpoint");
    expect(await made.caller.ended(2)).toBe(KINDS.REFUSED);
    expect(await made.caller.ended(3)).toBe(KINDS.END);
    await expectRest(made);
  });

  it("refuses more streams than one connection may have, until one of them is over", async () => {
    await using world = new World();
    const made = await scene(world, { maxInFlight: 100_000 });
    const most = 20_000;
    for (let stream = 1; stream <= most + 1; stream += 1) made.caller.ask(stream, { hold: true });
    expect(await made.caller.ended(most + 1)).toBe(KINDS.REFUSED);
    expect(made.caller.of(most + 1)[0]!.body).toMatch(/^Server overloaded: 20000 requests/);
    made.caller.send(KINDS.STOP, 7);
    expect(await made.caller.ended(7)).toBe(KINDS.END);
    made.caller.ask(most + 2, { items: 1 });
    expect(await made.caller.ended(most + 2)).toBe(KINDS.END);
    await expectRest(made);
  });

  it("passes over words about streams that are over", async () => {
    await using world = new World();
    const made = await scene(world);
    made.caller.ask(1, { items: 1 });
    await made.caller.ended(1);
    made.caller.send(KINDS.STOP, 1).send(KINDS.KILL, 1).send(KINDS.CREDIT, 1, u32(7)).ask(2, { items: 1 });
    expect(await made.caller.ended(2)).toBe(KINDS.END);
    await expectRest(made);
  });

  it("kills what runs when the caller is gone", async () => {
    await using world = new World();
    const made = await scene(world);
    for (let stream = 1; stream <= 20; stream += 1) made.caller.ask(stream, { hold: true });
    await until("all run", () => made.worker.served.inFlight === 20);
    made.caller.socket.resetAndDestroy();
    await until("all are let go", () => made.worker.aborted === 20);
    await expectRest(made);
  });

  it("is finished in good order: what was written before the end arrives", async () => {
    await using world = new World();
    const made = await scene(world);
    made.caller.ask(1, { items: 2_000, pad: 1_000 }, 2 ** 31 - 1).ask(2, { hold: true });
    await until("the second one runs", () => made.caller.of(2).length > 0);
    await made.worker.manager.close({ drainMs: 300 });
    expect(await made.caller.ended(1)).toBe(KINDS.END);
    expect(made.caller.items(1)).toHaveLength(2_000);
    expect(await made.caller.ended(2)).toBe(KINDS.RESET);
    await until("the connection is closed", () => made.caller.isClosed);
  });
});

describe("a caller that breaks the rules is told why, and loses its connection and no more:", () => {
  const good = (path: string): Buffer => inBandFrame(KINDS.REQUEST, 5, requestBody(path, { hold: true }));
  const cases: readonly (readonly [string, RegExp, (path: string) => Buffer[]])[] = [
    ["a stream that was opened before", /opened before/, (path) => [good(path)]],
    [
      "a stream below an earlier one",
      /opened before/,
      (path) => [inBandFrame(KINDS.REQUEST, 4, requestBody(path, {}))],
    ],
    ["stream 0", /opened before/, (path) => [inBandFrame(KINDS.REQUEST, 0, requestBody(path, {}))]],
    ["a stop for a stream that was never opened", /not opened/, () => [inBandFrame(KINDS.STOP, 6)]],
    ["a kill for stream 0", /not opened/, () => [inBandFrame(KINDS.KILL, 0)]],
    ["a worker's frame", /kind 19/, () => [inBandFrame(KINDS.ITEM, 5, "1")]],
    ["a frame of no kind", /kind 0/, () => [inBandFrame(0, 5)]],
    [
      "a large frame that has no business to be",
      /kind 2/,
      () => [inBandFrame(KINDS.STOP, 5, "x".repeat(600))],
    ],
    ["no credit", /credit/, () => [inBandFrame(KINDS.CREDIT, 5, u32(0))]],
    ["credit without a number", /credit/, () => [inBandFrame(KINDS.CREDIT, 5, "1")]],
    ["more credit than there is", /credit/, () => [inBandFrame(KINDS.CREDIT, 5, u32(2 ** 31))]],
    [
      "credit that becomes too much",
      /credit/,
      () => [inBandFrame(KINDS.CREDIT, 5, u32(2 ** 31 - 2)), inBandFrame(KINDS.CREDIT, 5, u32(2 ** 31 - 2))],
    ],
    [
      "a request with impossible credit",
      /credit/,
      (path) => [inBandFrame(KINDS.REQUEST, 6, requestBody(path, {}, 2 ** 31))],
    ],
    ["a request that ends in its fields", /longer than it is/, () => [inBandFrame(KINDS.REQUEST, 6, u32(1))]],
    [
      "a flood of words that say nothing",
      /say nothing/,
      () => Array.from({ length: 10_002 }, () => inBandFrame(KINDS.STOP, 5)),
    ],
  ];

  it.each(cases)("%s", async (_name, reason, bytes) => {
    await using world = new World();
    const made = await scene(world);
    const other = await RawCaller.connect(addressOf(made.worker.served.instance));
    const path = addressOf(made.worker.served.instance).split("/").slice(1).join("/");
    made.caller.socket.write(good(path));
    await until("the first request runs", () => made.worker.served.inFlight === 1);
    made.caller.socket.write(Buffer.concat(bytes(path)));
    expect(await made.caller.dismissed()).toMatch(reason);
    await until("its request is let go", () => made.worker.served.inFlight === 0);
    other.ask(1, { items: 1 });
    expect(await other.ended(1)).toBe(KINDS.END);
    other.socket.destroy();
    await expectRest(made);
  });

  it("bytes right behind the switch", async () => {
    await using world = new World();
    const { worker } = await scene(world);
    const [host = "", port = ""] = addressOf(worker.served.instance).split("/")[0]!.split(":");
    for (const behind of [Buffer.alloc(3), SWITCH]) {
      const socket = connect({ host, port: Number(port) });
      socket.on("error", () => undefined);
      socket.write(Buffer.concat([SWITCH, behind]));
      socket.resume();
      await once(socket, "close");
    }
  });
});
