/** What a worker does with callers that want in-band responses, with good ones and bad ones. */
import { connect } from "node:net";
import { constants } from "node:http2";
import { standsStill, until } from "@dynamo/test-support";
import { addressOf, orderedWorker, settled } from "@dynamo/test-world";
import type { Order } from "@dynamo/test-world";
import { describe, expect, it } from "vitest";
import { keyOf, RawCaller, requestBody } from "./support/in-band-caller.ts";
import type { Answer } from "./support/in-band-caller.ts";
import { bodyFrame, IN_BAND, itemsFrame, KINDS, STOP } from "./support/in-band-frames.ts";
import {
  DATA,
  END_STREAM,
  frame,
  INITIAL_WINDOW_SIZE,
  rawCaller,
  requestHead,
  RST_STREAM,
  settingsFrame,
} from "./support/raw-http2.ts";
import { served } from "./support/plane.ts";
import { connectionsOf, World } from "./support/world.ts";
import type { ManagerSetup } from "./support/world.ts";

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = constants;

async function scene(world: World, setup: ManagerSetup & { maxInFlight?: number } = {}) {
  const worker = await orderedWorker(world, setup);
  const address = addressOf(worker.served.instance);
  const caller = new RawCaller(address);
  world.onEnd(async () => caller[Symbol.asyncDispose]());
  return { worker, address, caller };
}

async function expectRest({ worker, caller }: Awaited<ReturnType<typeof scene>>): Promise<void> {
  await settled(worker.manager);
  caller.session.destroy();
  await until("the connection is gone", () => connectionsOf(worker.manager) === 0);
  expect(worker.served.inFlight).toBe(0);
}

describe("a worker on the HTTP plane", () => {
  it("offers in-band responses in its record, unless it is set to call-home", async () => {
    await using world = new World();
    const { worker } = await scene(world);
    expect(worker.served.instance["response_transports"]).toEqual(["http_inband"]);
    const other = await scene(world, { environment: { DYN_RESPONSE_PLANE: "callhome" } });
    expect(other.worker.served.instance["response_transports"]).toBeUndefined();
  });

  it("answers many requests at once, each with an end of its own", async () => {
    await using world = new World();
    const made = await scene(world);
    const answers = Array.from({ length: 50 }, (_, n) => made.caller.ask(n, { items: n }));
    for (const [n, answer] of answers.entries()) {
      expect(await answer.ended()).toBe(KINDS.END);
      expect(answer).toMatchObject({ status: 200, type: IN_BAND });
      expect(answer.items).toEqual(Array.from({ length: n }, (_, i) => i));
    }
    await expectRest(made);
  });

  it("answers a request that doesn't say how long it is", async () => {
    await using world = new World();
    const made = await scene(world);
    const answer = made.caller.postUndeclared(IN_BAND, requestBody(keyOf(1), { items: 3 }));
    expect(await answer.ended()).toBe(KINDS.END);
    expect(answer.items).toEqual([0, 1, 2]);
    await expectRest(made);
  });

  it("says at once that a request is accepted whose handler has nothing yet, and stops it when it is told so", async () => {
    await using world = new World();
    const made = await scene(world);
    const answer = made.caller.ask(1, { hold: true });
    await until("it is accepted", () => answer.frames[0]?.kind === KINDS.OPENED);
    expect(made.worker.manager.health().responsesWritten).toBe(1);
    const others = [made.caller.stop(2), made.caller.stop(1), made.caller.stop(1)];
    for (const stop of others) {
      await stop.ended();
      expect(stop.status).toBe(204);
    }
    expect(await answer.ended()).toBe(KINDS.END);
    expect(made.worker.aborted).toBe(1);
    await expectRest(made);
  });

  it.each([
    ["in-band", IN_BAND, requestBody(keyOf(1), {})],
    ["as lines", "application/json", Buffer.from("{}")],
  ])("ends a response %s without an error when its caller has it", async (_name, type, body) => {
    const endings: unknown[] = [];
    await using plane = await served({}, ({ connector }) => {
      const writer = connector!.connect({ transport: connector!.transport, info: "" }, "id");
      writer.prologue();
      writer.write(writer.framing === "bare" ? "1" : '{"data":{"data":1},"complete_final":false}');
      writer.end((lost) => endings.push(lost));
      return undefined;
    });
    await using caller = new RawCaller(plane.address);
    await caller.post(type, body).ended();
    await until("the end is told", () => endings.length > 0);
    expect(endings).toEqual([undefined]);
  });

  it("fails a request whose payload can't be read, before anything else", async () => {
    await using world = new World();
    const made = await scene(world);
    const body = requestBody(keyOf(1), {});
    body.fill("x", body.length - 2);
    const answer = made.caller.post(IN_BAND, body);
    expect(await answer.ended()).toBe(KINDS.FAILED);
    expect(answer.frames).toHaveLength(1);
    expect(answer.frames[0]!.body).toContain('{"error":"The request\'s payload is not JSON"');
    await expectRest(made);
  });

  it("writes no more than the stream's window, without holding up others", async () => {
    await using world = new World();
    const made = await scene(world);
    const slow = made.caller.ask(1, { items: 100_000, pad: 1_000 });
    await until("it streams", () => slow.items.length > 0);
    slow.stream.pause();
    expect((await standsStill("the handler", () => made.worker.produced)) * 1_000).toBeLessThan(
      8 * 1024 * 1024,
    );
    const quick = made.caller.ask(2, { items: 5_000, pad: 1_000 });
    expect(await quick.ended()).toBe(KINDS.END);
    expect(quick.items).toHaveLength(5_000);
    slow.stream.close(NGHTTP2_CANCEL);
    await until("the handler is let go", () => made.worker.served.inFlight === 0);
    await expectRest(made);
  });

  it("gives up a response that is not read for too long, and cuts it so that it doesn't look whole", async () => {
    await using world = new World();
    const made = await scene(world, { settings: { responseStallMs: 100 } });
    const answer = made.caller.ask(1, { items: 100_000, pad: 1_000 });
    await until("it streams", () => answer.items.length > 0);
    answer.stream.pause();
    await until("it is given up", () => made.worker.served.inFlight === 0);
    answer.stream.resume();
    expect(await answer.ended()).not.toBe(KINDS.END);
    await expectRest(made);
  });

  it("waits for the rest of a response that is over no longer than the peer's time", async () => {
    await using world = new World();
    const made = await scene(world, { http: { peerTimeoutMs: 200 } });
    const caller = rawCaller(made.address);
    caller.send(settingsFrame({ [INITIAL_WINDOW_SIZE]: 1_000 }));
    caller.send(requestHead(1, new URL(made.address).pathname, 0, IN_BAND));
    caller.send(frame(DATA, END_STREAM, 1, requestBody(keyOf(1), { items: 1, pad: 5_000 })));
    const data = await caller.next(DATA);
    expect(data.payload).toHaveLength(1_000);
    expect(made.worker.served.inFlight).toBe(1);
    await caller.next(RST_STREAM);
    await until("it is given up", () => made.worker.served.inFlight === 0);
    expect(caller.of(DATA)).toHaveLength(1);
    caller.socket.destroy();
    await expectRest(made);
  });

  it.each<[string, (caller: RawCaller, asked: Answer[]) => void]>([
    ["a session that ends", (caller) => caller.session.destroy()],
    ["a socket that is reset", (caller) => caller.session.socket.destroy()],
    ["streams that are cancelled", (_, asked) => asked.forEach(({ stream }) => stream.close(NGHTTP2_CANCEL))],
    [
      "streams that end in peace",
      (_, asked) => asked.forEach(({ stream }) => stream.close(NGHTTP2_NO_ERROR)),
    ],
  ])("kills what runs: %s", async (_name, leave) => {
    await using world = new World();
    const made = await scene(world);
    const asked = Array.from({ length: 20 }, (_, n) => made.caller.ask(n, { hold: true }));
    await until("all run", () => made.worker.served.inFlight === 20);
    leave(made.caller, asked);
    await until("all are let go", () => made.worker.aborted === 20);
    await expectRest(made);
  });

  it("lets go of a response that nobody reads when its stream ends in peace", async () => {
    await using world = new World();
    const made = await scene(world);
    const unread = made.caller.ask(1, { items: 100_000, pad: 1_000 });
    await until("it streams", () => unread.items.length > 0);
    unread.stream.pause();
    await standsStill("the handler", () => made.worker.produced);
    unread.stream.close(NGHTTP2_NO_ERROR);
    await until("it is let go", () => made.worker.served.inFlight === 0);
    await expectRest(made);
  });

  it("says of what it cuts when it goes away that it gave it up", async () => {
    await using world = new World();
    const made = await scene(world);
    const whole = made.caller.ask(1, { items: 50, pad: 1_000 });
    const cut = made.caller.ask(2, { hold: true });
    await until("the second one runs", () => cut.frames.length > 0);
    await made.worker.manager.close({ drainMs: 300 });
    expect(await whole.ended()).toBe(KINDS.END);
    expect(whole.items).toHaveLength(50);
    expect(await cut.ended()).toBe(KINDS.RESET);
  });

  it("answers over HTTP/1.1 too, and takes a closed connection for a kill", async () => {
    await using world = new World();
    const made = await scene(world);
    const { port, pathname } = new URL(made.address);
    const socket = connect(Number(port), "127.0.0.1");
    let text = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
    const ask = (key: number, order: Order): void => {
      const body = requestBody(keyOf(key), order);
      socket.write(`POST ${pathname} HTTP/1.1\r\nhost: x\r\ncontent-type: ${IN_BAND}\r\n`);
      socket.write(`content-length: ${body.length}\r\n\r\n`);
      socket.write(body);
    };
    ask(1, { items: 2 });
    await until("it is answered", () => text.endsWith("\r\n0\r\n\r\n"));
    expect(text).toContain(Buffer.concat([itemsFrame(["0", "1"]), bodyFrame(KINDS.END)]).toString("latin1"));
    text = "";
    ask(2, { hold: true });
    await until("it is accepted", () => text.includes("\u0000\u0000\u0000\u0000\u0011"));
    socket.destroy();
    await until("it is let go", () => made.worker.aborted === 1);
    await expectRest(made);
  });
});

describe("a request that can't be answered in-band", () => {
  const good = requestBody(keyOf(1), {});
  it.each([
    [
      "without the four letters",
      415,
      "unsupported_media",
      Buffer.concat([Buffer.from("inb2"), good.subarray(4)]),
    ],
    ["that ends in its key", 415, "unsupported_media", good.subarray(0, 15)],
    ["without an envelope", 400, "protocol_error", good.subarray(0, 16)],
    ["with half an envelope", 400, "protocol_error", good.subarray(0, 60)],
    ["for another transport", 400, "protocol_error", requestBody(keyOf(1), {}, "tcp_inband")],
    ["that is too large", 413, "payload_too_large", Buffer.concat([good, Buffer.alloc(5_000)])],
  ])("%s is refused with %i %s", async (_name, status, code, body) => {
    await using world = new World();
    const made = await scene(world, { http: { maxMessageBytes: 4_000 } });
    const answer = made.caller.post(IN_BAND, body);
    await answer.ended();
    expect(answer).toMatchObject({ status, type: "application/problem+json" });
    expect(JSON.parse(answer.text)).toMatchObject({ status, code });
    const next = made.caller.ask(1, { items: 1 });
    expect(await next.ended()).toBe(KINDS.END);
    await expectRest(made);
  });

  it("because its key is in use is refused, and the one that has it goes on", async () => {
    await using world = new World();
    const made = await scene(world);
    const first = made.caller.ask(1, { hold: true });
    await until("it is accepted", () => first.frames.length === 1);
    const second = made.caller.ask(1, {});
    await second.ended();
    expect(second.status).toBe(409);
    await made.caller.stop(1).ended();
    expect(await first.ended()).toBe(KINDS.END);
    await expectRest(made);
  });

  it("because the worker is full, or because of its path, is refused", async () => {
    await using world = new World();
    const made = await scene(world, { maxInFlight: 1 });
    const first = made.caller.ask(1, { hold: true });
    await until("it is accepted", () => first.frames.length === 1);
    const second = made.caller.ask(2, {});
    await second.ended();
    expect(second.status).toBe(429);
    const elsewhere = made.caller.post(IN_BAND, good, "/v1/rpc/elsewhere");
    await elsewhere.ended();
    expect(elsewhere.status).toBe(404);
    first.stream.close(NGHTTP2_CANCEL);
    await expectRest(made);
  });

  it.each([0, 11, 13, 5_000])("nor can it be stopped with a key of %i bytes", async (bytes) => {
    await using world = new World();
    const made = await scene(world);
    const answer = made.caller.post(STOP, Buffer.alloc(bytes));
    await answer.ended();
    expect(answer.status).toBe(400);
    await expectRest(made);
  });
});
