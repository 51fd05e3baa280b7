/** What a caller does when no in-band response comes of its request. */
import { constants } from "node:http2";
import type { ServerHttp2Stream } from "node:http2";
import { until } from "@dynamo/test-support";
import { addressOf, collect, failureOf, settled } from "@dynamo/test-world";
import { describe, expect, it } from "vitest";
import { bodyFrame, IN_BAND, KINDS } from "./support/in-band-frames.ts";
import { answering, begin, RawInBandWorker } from "./support/in-band-worker.ts";
import { connectionsOf, World } from "./support/world.ts";

const { NGHTTP2_REFUSED_STREAM } = constants;
const QUICK = { http: { requestTimeoutMs: 200 } };
const WHOLE = [[KINDS.ITEM, "1"], [KINDS.END]] as const;

describe("a worker that doesn't answer", () => {
  it("is waited for as long as for an acknowledgement, and others on its connection stay", async () => {
    await using world = new World();
    const worker = await RawInBandWorker.start(world, (stream, { index }) => {
      if (index > 0) return;
      const ticking = setInterval(() => stream.write(bodyFrame(KINDS.ITEM, "1")), 20);
      begin(stream).on("close", () => clearInterval(ticking));
    });
    const { client, manager } = await world.client(QUICK);
    const live = await client.roundRobin({});
    expect(await failureOf(client.roundRobin({}, { failover: false }))).toMatchObject({
      code: "deadline_exceeded",
      facts: { phase: "acknowledge", setting: "DYN_HTTP_REQUEST_TIMEOUT" },
    });
    await until("it is told", () => worker.requests[1]!.stream.closed);
    expect(worker.open).toBe(1);
    expect(worker.requests[0]!.stream.closed).toBe(false);
    live.cancel();
    await settled(manager);
  });

  it("to the end of its refusal refuses all the same", async () => {
    await using world = new World();
    await RawInBandWorker.start(world, (stream) => {
      stream.respond({ ":status": 429 });
      stream.write('{"code":"overloaded","detail":"full"}');
    });
    const { client, manager } = await world.client(QUICK);
    const error = await failureOf(client.roundRobin({}, { failover: false }));
    expect(error).toMatchObject({ code: "overloaded", remote: true });
    expect(error.message).toContain("full");
    await settled(manager);
  });

  it("and refuses at great length is cut off", async () => {
    await using world = new World();
    const worker = await RawInBandWorker.start(world, (stream) => {
      stream.respond({ ":status": 503 });
      stream.end("x".repeat(10_000_000));
    });
    const { client, manager } = await world.client();
    const error = await failureOf(client.roundRobin({}, { failover: false }));
    expect(error.code).toBe("unavailable");
    expect(error.message.length).toBeLessThan(2_000);
    await until("it is cut off", () => worker.requests[0]!.stream.closed);
    await settled(manager);
  });

  it("because it never looked at the request is asked again, three times at most", async () => {
    await using world = new World();
    let refusals = 2;
    const worker = await RawInBandWorker.start(world, (stream, request) => {
      if (refusals-- > 0) stream.close(NGHTTP2_REFUSED_STREAM);
      else answering(...WHOLE)(stream, request);
    });
    const { client, manager } = await world.client();
    expect(await collect(client.roundRobin({}))).toEqual([1]);
    refusals = 3;
    expect((await failureOf(client.roundRobin({}, { failover: false }))).code).toBe("unavailable");
    expect(worker.requests).toHaveLength(6);
    await settled(manager);
  });

  it("leaves nothing behind when the call is given up before there is a connection", async () => {
    await using world = new World();
    await RawInBandWorker.start(world, answering(...WHOLE));
    const { client, manager } = await world.client();
    const controller = new AbortController();
    const call = failureOf(client.roundRobin({}, { signal: controller.signal }));
    controller.abort();
    expect((await call).code).toBe("cancelled");
    await settled(manager);
    expect(await collect(client.roundRobin({}))).toEqual([1]);
    const closed = failureOf(client.roundRobin({}, { failover: false }));
    await manager.close({ drainMs: 0 });
    expect((await closed).code).toBe("closed");
    expect(connectionsOf(manager)).toBe(0);
  });
});

describe("a worker that has no in-band responses after all", () => {
  /** It knows the request's type, or it doesn't, and calls home. */
  async function declining(world: World, answer: (stream: ServerHttp2Stream) => void) {
    const worker = await world.worker(() => [1]);
    const home = addressOf(worker.served.instance);
    const front = await RawInBandWorker.start(world, (stream, { type, body }) => {
      if (type === IN_BAND) {
        answer(stream);
        return;
      }
      void fetch(home, {
        method: "POST",
        headers: { "content-type": type },
        body: new Uint8Array(body),
      }).then(({ status }) => stream.respond({ ":status": status }, { endStream: true }));
    });
    world.discovery.remove({ type: "Endpoint", ...worker.served.instance });
    return { front, worker };
  }

  it.each([
    ["with 415", (stream: ServerHttp2Stream) => stream.respond({ ":status": 415 }, { endStream: true })],
    [
      "with an acknowledgement",
      (stream: ServerHttp2Stream) => stream.respond({ ":status": 202 }, { endStream: true }),
    ],
    [
      "with another kind of answer",
      (stream: ServerHttp2Stream) => {
        stream.respond({ ":status": 200, "content-type": "text/html" });
        stream.write("<html>");
      },
    ],
  ])("and says so %s is called with call-home from then on", async (_name, answer) => {
    await using world = new World();
    const { front, worker } = await declining(world, answer);
    const { client, manager } = await world.client();
    for (let n = 0; n < 3; n += 1) expect(await collect(client.roundRobin({}))).toEqual([1]);
    expect(front.of(IN_BAND)).toHaveLength(1);
    await until("its stream is closed", () => front.of(IN_BAND)[0]!.stream.closed);
    const only = await world.client({ settings: { responseMode: "inband" } });
    const error = await failureOf(only.client.roundRobin({}, { failover: false }));
    expect(error).toMatchObject({ code: "cannot_connect", facts: { setting: "DYN_RESPONSE_PLANE" } });
    await settled(manager, only.manager, worker.manager);
  });
});
