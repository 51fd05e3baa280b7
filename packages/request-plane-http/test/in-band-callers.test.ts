/** What a caller does with workers whose in-band responses are good, break the rules or are slow. */
import { setTimeout as sleep } from "node:timers/promises";
import { constants } from "node:http2";
import type { ServerHttp2Stream } from "node:http2";
import { until } from "@dynamo/test-support";
import { collect, failureOf, FAILING_RESPONSES, recordingLogger, settled } from "@dynamo/test-world";
import type { FailingResponse } from "@dynamo/test-world";
import { describe, expect, it } from "vitest";
import { bodyFrame, IN_BAND, KINDS, STOP } from "./support/in-band-frames.ts";
import { answering, begin, RawInBandWorker } from "./support/in-band-worker.ts";
import { World } from "./support/world.ts";

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = constants;

describe("a worker that answers in-band", () => {
  it("is read, items and envelopes, however they are cut", async () => {
    await using world = new World();
    const bytes = Buffer.concat([
      bodyFrame(KINDS.OPENED),
      bodyFrame(KINDS.ITEM, '"ä"'),
      bodyFrame(KINDS.ANNOTATED, '{"data":2,"id":"b"}'),
      bodyFrame(KINDS.END),
    ]);
    const worker = await RawInBandWorker.start(world, (stream, { index }) => {
      begin(stream);
      let at = 0;
      const ticking = setInterval(() => {
        if (at < bytes.length) stream.write(bytes.subarray(at, (at += index + 1)));
        else {
          clearInterval(ticking);
          stream.end();
        }
      }, 1);
    });
    const { client, manager } = await world.client();
    for (let pieces = 1; pieces <= 6; pieces += 1) {
      const stream = await client.roundRobin({});
      expect(await collect(stream.annotated())).toEqual([{ data: "ä" }, { data: 2, id: "b" }]);
    }
    expect(worker.of(IN_BAND)).toHaveLength(6);
    expect(worker.requests[0]!.body.toString()).toMatch(/^inb1.*"transport":"http_inband".*\}\{\}$/s);
    expect(new Set(worker.requests.map(({ body }) => body.toString("hex", 4, 16))).size).toBe(6);
    await settled(manager);
  });

  it.each<FailingResponse>([
    ...FAILING_RESPONSES,
    ["an end without the mark", [[KINDS.ITEM, "1"]], "disconnected"],
    ["nothing", [], "disconnected"],
    ["a refusal of the TCP plane", [[16, "Server overloaded: full"]], "protocol_error"],
  ])("and sends %s fails its call with the right code", async (_name, frames, code) => {
    await using world = new World();
    await RawInBandWorker.start(world, answering(...frames));
    const { client, manager } = await world.client();
    const call = client.roundRobin({}, { failover: false }).then((stream) => collect(stream));
    expect((await failureOf(call)).code).toBe(code);
    await settled(manager);
  });

  it.each([
    ["is reset with NO_ERROR", (stream: ServerHttp2Stream) => stream.close(NGHTTP2_NO_ERROR)],
    ["is reset with CANCEL", (stream: ServerHttp2Stream) => stream.close(NGHTTP2_CANCEL)],
    ["is reset with an error", (stream: ServerHttp2Stream) => stream.close(NGHTTP2_INTERNAL_ERROR)],
    ["ends", (stream: ServerHttp2Stream) => void stream.end()],
    [
      "ends in a frame",
      (stream: ServerHttp2Stream) => void stream.end(bodyFrame(KINDS.ITEM, "123").subarray(0, 6)),
    ],
    ["loses its socket", (stream: ServerHttp2Stream) => void stream.session!.socket.destroy()],
    ["loses its session", (stream: ServerHttp2Stream) => stream.session!.destroy()],
  ])("without the mark is an error, however clean it looks: the stream %s", async (_name, cut) => {
    await using world = new World();
    const worker = await RawInBandWorker.start(world, (stream) => {
      begin(stream).write(bodyFrame(KINDS.ITEM, "1"));
      setTimeout(() => cut(stream), 20);
    });
    const { client, manager } = await world.client();
    const items = (await client.roundRobin({}))[Symbol.asyncIterator]();
    expect(await items.next()).toEqual({ done: false, value: 1 });
    expect((await failureOf(items.next())).code).toBe("disconnected");
    await settled(manager);
    await manager.close();
    await until("no connection is left", () => worker.open === 0);
  });

  it.each([
    ["by an end", (stream: ServerHttp2Stream) => void stream.end()],
    ["by a reset with NO_ERROR", (stream: ServerHttp2Stream) => stream.close(NGHTTP2_NO_ERROR)],
    ["by a closed socket", (stream: ServerHttp2Stream) => void stream.session!.socket.destroy()],
  ])("cut off anywhere before the mark is whole is an error: %s", async (_name, cut) => {
    await using world = new World();
    const bytes = Buffer.concat([
      bodyFrame(KINDS.ITEM, "1"),
      bodyFrame(KINDS.ITEM, "2"),
      bodyFrame(KINDS.END),
    ]);
    let length = 0;
    await RawInBandWorker.start(world, (stream) => {
      begin(stream).write(bytes.subarray(0, length), () => setImmediate(() => cut(stream)));
    });
    const { client, manager } = await world.client();
    for (; length < bytes.length; length += 1) {
      const got: unknown[] = [];
      const call = client.roundRobin({}, { failover: false }).then(async (items) => {
        for await (const item of items) got.push(item);
      });
      expect((await failureOf(call)).code).toBe("disconnected");
      expect([1, 2].slice(0, got.length)).toEqual(got);
      await settled(manager);
    }
    await settled(manager);
  });

  it("whose item is too large fails that call and no other", async () => {
    await using world = new World();
    const worker = await RawInBandWorker.start(world, (stream, { index }) => {
      const item = JSON.stringify("x".repeat(index === 1 ? 3_000_000 : 10));
      const frames = Buffer.concat([bodyFrame(KINDS.ITEM, item), bodyFrame(KINDS.END)]);
      if (index > 0) begin(stream).end(frames);
      else setTimeout(() => begin(stream).end(frames), 300);
    });
    const { client, manager } = await world.client({ settings: { maxResponseMessageBytes: 4_000 } });
    const first = collect(client.roundRobin({}));
    expect(await failureOf(client.roundRobin({}))).toMatchObject({
      code: "payload_too_large",
      facts: { limit: 4_000, actual: 3_000_002, setting: "DYN_TCP_MAX_MESSAGE_SIZE" },
    });
    expect(await first).toHaveLength(1);
    expect(worker.open).toBe(1);
    await settled(manager);
  });

  it("and goes on after its last word is cut off, and that gives the place back", async () => {
    await using world = new World();
    const worker = await RawInBandWorker.start(world, (stream) => {
      begin(stream).write(Buffer.concat([bodyFrame(KINDS.ITEM, "1"), bodyFrame(KINDS.END), bodyFrame(99)]));
      const ticking = setInterval(() => stream.write("more"), 5);
      stream.on("close", () => clearInterval(ticking));
    });
    const { client, manager } = await world.client({ http: { maxConcurrentStreams: 1 } });
    expect(await collect(client.roundRobin({}))).toEqual([1]);
    await settled(manager);
    await until("the stream is closed", () => worker.requests[0]!.stream.closed);
    expect(await collect(client.roundRobin({}))).toEqual([1]);
    expect(worker.open).toBeLessThanOrEqual(2);
  });

  it("and ends while its caller reads nothing leaves no place taken", async () => {
    await using world = new World();
    const item = JSON.stringify("x".repeat(100_000));
    const worker = await RawInBandWorker.start(
      world,
      answering(...Array.from({ length: 5 }, () => [KINDS.ITEM, item] as const), [KINDS.END]),
    );
    const { client, manager } = await world.client({
      settings: { responseBufferBytes: 1_024 },
      http: { maxConcurrentStreams: 1 },
    });
    for (let n = 0; n < 6; n += 1) {
      const stream = await client.roundRobin({});
      await sleep(20);
      expect(await collect(stream)).toHaveLength(5);
    }
    // The next call may come before the stream is closed.
    expect(worker.open).toBeLessThanOrEqual(2);
    await settled(manager);
  });

  it("is told of a stop once, when it has accepted, and of a kill by a reset", async () => {
    await using world = new World();
    const worker = await RawInBandWorker.start(world, (stream, { type }) => {
      if (type === STOP) stream.respond({ ":status": 204 }, { endStream: true });
      else begin(stream).write(bodyFrame(KINDS.ITEM, "1"));
    });
    const { client, manager } = await world.client();
    const stream = await client.roundRobin({});
    stream.stop();
    stream.stop();
    await until("it is told", () => worker.of(STOP).length === 1);
    const [asked] = worker.of(IN_BAND);
    expect(worker.of(STOP)[0]!.body).toEqual(asked!.body.subarray(4, 16));
    stream.cancel();
    stream.stop();
    stream.cancel();
    await until("it is told", () => asked!.stream.closed);
    expect(asked!.stream.rstCode).toBe(NGHTTP2_CANCEL);
    await sleep(20);
    expect(worker.requests).toHaveLength(2);
    await settled(manager);
  });

  it("and refuses a stop goes on, and a warning says which response that is", async () => {
    await using world = new World();
    const worker = await RawInBandWorker.start(world, (stream, { type }) => {
      if (type === STOP) stream.respond({ ":status": 503 }, { endStream: true });
      else begin(stream).write(bodyFrame(KINDS.ITEM, "1"));
    });
    const { logger, warnings, facts } = recordingLogger();
    const { client, manager } = await world.client({ logger });
    const stream = await client.roundRobin({});
    stream.stop();
    await until("a warning says so", () => warnings.length === 1);
    expect(warnings[0]).toContain("can't be told to stop");
    const [asked] = worker.of(IN_BAND);
    const { requestId, ...others } = facts[0] as { requestId: string };
    expect(asked!.body.toString()).toContain(`"id":"${requestId}"`);
    expect(others).toMatchObject({
      address: worker.record.transport["http"],
      error: { code: "unavailable" },
    });
    asked!.stream.end(Buffer.concat([bodyFrame(KINDS.ITEM, "2"), bodyFrame(KINDS.END)]));
    expect(await collect(stream)).toEqual([1, 2]);
    await settled(manager);
  });

  it("comes to its end by a stop, and after that also by giving up", async () => {
    await using world = new World();
    let running: ServerHttp2Stream | undefined;
    await RawInBandWorker.start(world, (stream, { type, index }) => {
      if (type === STOP) {
        running!.end(bodyFrame(index === 1 ? KINDS.END : KINDS.RESET));
        stream.respond({ ":status": 204 }, { endStream: true });
      } else (running = begin(stream)).write(bodyFrame(KINDS.ITEM, "1"));
    });
    const { client, manager } = await world.client();
    for (let n = 0; n < 2; n += 1) {
      const stream = await client.roundRobin({});
      stream.stop();
      expect(await collect(stream)).toEqual([1]);
    }
    await settled(manager);
  });
});
