import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { calling, request, served } from "./support/plane.ts";
import type { ServedPlane } from "./support/plane.ts";
import {
  ACK,
  DATA,
  END_STREAM,
  frame,
  GOAWAY,
  HEADERS,
  rawCaller,
  requestHead,
  RST_STREAM,
  SETTINGS,
  settingsFrame,
  u32,
} from "./support/raw-http2.ts";
import { until } from "@dynamo/test-support";

const PATH = "/v1/rpc/generate";

function raw(address: string): Socket {
  const { hostname, port } = new URL(address);
  return connect(Number(port), hostname).on("error", () => undefined);
}

async function whenIdle({ server }: ServedPlane): Promise<void> {
  await until("nothing is open", () => server.health().connections === 0 && server.health().pending === 0);
}

describe("A caller that keeps the worker waiting is dropped:", () => {
  const head = `POST ${PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n`;
  const starts: Record<string, string | Buffer> = {
    "nothing at all": "",
    "the first letters of either protocol": "PR",
    "an HTTP/2 preface and nothing more": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an HTTP/2 preface that isn't one": "PRINT / HTTP/1.1\r\n\r\n",
    "half a head": head,
    "half a body": `${head}\r\nhalf`,
    "half a body over HTTP/2": Buffer.concat([
      Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      settingsFrame(),
      requestHead(1, PATH),
      frame(DATA, 0, 1, Buffer.from("half")),
    ]),
    "an unused HTTP/2 connection": Buffer.concat([
      Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      settingsFrame(),
    ]),
    "bytes of no protocol": Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]),
  };

  test.each(Object.entries(starts))("%s", async (_name, start) => {
    await using plane = await served({ peerTimeoutMs: 300, poolIdleMs: 1 });
    const socket = raw(plane.address);
    socket.resume();
    if (start.length > 0) socket.write(start);
    await until("it is connected", () => plane.server.health().connections === 1 || socket.closed);
    await until("it is dropped", () => plane.server.health().connections === 0);
    await whenIdle(plane);
    expect(plane.requests).toEqual([]);
    socket.destroy();
  });

  test("and others are served meanwhile", async () => {
    await using plane = await served({ peerTimeoutMs: 1_000 });
    const silent = Array.from({ length: 200 }, () => raw(plane.address));
    await using client = calling();
    await client.deliver(request(plane.address));
    expect(plane.requests).toHaveLength(1);
    await until("all are dropped", () => plane.server.health().connections === 1);
    for (const socket of silent) socket.destroy();
  });
});

describe("A request that is cut never reaches a handler:", () => {
  const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  const open = (code?: number): Buffer =>
    Buffer.concat([
      Buffer.from(PREFACE),
      settingsFrame(),
      requestHead(1, PATH),
      frame(DATA, 0, 1, Buffer.from("half")),
      ...(code === undefined ? [] : [frame(RST_STREAM, 0, 1, u32(code))]),
    ]);
  const cuts: Record<string, (socket: Socket) => void> = {
    "HTTP/1.1 with FIN": (socket) =>
      socket.end(`POST ${PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf`),
    "HTTP/1.1 chunked with FIN": (socket) =>
      socket.end(`POST ${PATH} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n`),
    "HTTP/2 with RST CANCEL": (socket) => socket.write(open(8)),
    "HTTP/2 with RST NO_ERROR": (socket) => socket.write(open(0)),
    "HTTP/2 with FIN": (socket) => socket.end(open()),
  };

  test.each(Object.entries(cuts))("%s", async (_name, cut) => {
    await using plane = await served();
    const socket = raw(plane.address);
    socket.resume();
    cut(socket);
    await using client = calling();
    await client.deliver(request(plane.address, "whole"));
    await until("nothing is read any more", () => plane.server.health().pending === 0);
    socket.destroy();
    await until("it is gone", () => plane.server.health().connections === 1);
    expect(plane.requests.map(({ envelope }) => Buffer.from(envelope).toString())).toEqual(["whole"]);
  });
});

test("The first bytes may come one by one, in both protocols", async () => {
  await using plane = await served();
  const trickle = async (bytes: Buffer): Promise<string> => {
    const socket = raw(plane.address).setNoDelay();
    let answer = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => (answer += chunk));
    for (const byte of bytes) {
      socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until("it is answered", () => answer.includes("text/plain") || plane.requests.length === 2);
    socket.destroy();
    return answer;
  };
  const body = "whole";
  await trickle(Buffer.from(`POST ${PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n${body}`));
  await trickle(
    Buffer.concat([
      Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      settingsFrame(),
      requestHead(1, PATH),
      frame(DATA, END_STREAM, 1, Buffer.from(body)),
    ]),
  );
  expect(plane.requests.map(({ envelope }) => Buffer.from(envelope).toString())).toEqual([body, body]);
});

describe("A caller that abuses HTTP/2 is cut off, and others are served:", () => {
  test("rapid reset", async () => {
    await using plane = await served();
    const caller = rawCaller(plane.address);
    await caller.next(SETTINGS);
    for (let batch = 0; batch < 200 && !caller.socket.destroyed; batch++) {
      const frames = Array.from({ length: 100 }, (_, index) => {
        const stream = (batch * 100 + index) * 2 + 1;
        return Buffer.concat([requestHead(stream, PATH), frame(RST_STREAM, 0, stream, u32(8))]);
      });
      caller.send(...frames);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until("it is cut off", () => caller.socket.closed);
    expect(plane.requests).toEqual([]);
    await using client = calling();
    await client.deliver(request(plane.address));
    await until("nothing is left of it", () => plane.server.health().connections === 1);
    expect(plane.server.health().pending).toBe(0);
  });

  test("more requests at the same time than the worker allows", async () => {
    await using plane = await served({ maxConcurrentStreams: 10 });
    const caller = rawCaller(plane.address);
    // From the acknowledgement of the worker's settings on they bind.
    await until("both know the settings", () => caller.of(SETTINGS).some(({ flags }) => flags === ACK));
    for (let index = 0; index < 20; index++) caller.send(requestHead(index * 2 + 1, PATH));
    await until("the surplus is refused", () => caller.of(RST_STREAM).length + caller.of(GOAWAY).length >= 1);
    expect(plane.server.health().pending).toBeLessThanOrEqual(10);
    caller.socket.destroy();
    await whenIdle(plane);
  });
});

describe("Stopping", () => {
  test("doesn't wait for callers that hold unused connections, and tells them", async () => {
    await using plane = await served();
    const silent = raw(plane.address);
    const kept = raw(plane.address);
    kept.write(`POST ${PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`);
    const caller = rawCaller(plane.address);
    await caller.next(SETTINGS);
    await until("all are here", () => plane.server.health().connections === 3 && plane.requests.length === 1);
    await plane.server.stop();
    expect(plane.server.health()).toEqual({ connections: 0, pending: 0 });
    expect(caller.of(GOAWAY).map(({ payload }) => payload.readUInt32BE(4))).toContain(0);
    await until("all are closed", () => caller.socket.closed);
    for (const socket of [silent, kept]) socket.destroy();
  });

  test("cuts a request that is still on its way", async () => {
    await using plane = await served();
    const session = connectHttp2(new URL(plane.address).origin).on("error", () => undefined);
    const stream = session.request({ ":method": "POST", ":path": PATH }).on("error", () => undefined);
    stream.write("half");
    await until("it is read", () => plane.server.health().pending === 1);
    await plane.server.stop();
    await until("it is over", () => plane.server.health().pending === 0 && session.destroyed);
    expect(plane.requests).toEqual([]);
  });

  test("frees the port", async () => {
    const plane = await served();
    const port = Number(new URL(plane.address).port);
    await plane.server.stop();
    await using again = await served({ port });
    await using client = calling();
    await client.deliver(request(again.address));
    expect(again.requests).toHaveLength(1);
  });
});

test("A refused request may come to its end, and leaves nothing behind", async () => {
  await using plane = await served({ poolIdleMs: 1 });
  const caller = rawCaller(plane.address);
  caller.send(requestHead(1, "/elsewhere"), frame(DATA, 0, 1, Buffer.from("half")));
  await until("it is refused", () => caller.of(DATA).some(({ flags }) => flags === END_STREAM));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(caller.of(RST_STREAM)).toEqual([]);
  caller.send(frame(DATA, END_STREAM, 1, Buffer.from("the rest")));
  // Only a connection without open streams is unused.
  await whenIdle(plane);
  caller.socket.destroy();
});

test("A raw request over HTTP/2 is acknowledged in one frame", async () => {
  await using plane = await served();
  const caller = rawCaller(plane.address);
  caller.send(requestHead(1, PATH), frame(DATA, END_STREAM, 1, Buffer.from("x")));
  const head = await caller.next(HEADERS);
  expect(head).toMatchObject({ stream: 1, flags: END_STREAM | 4 });
  expect(caller.of(RST_STREAM)).toEqual([]);
  caller.socket.destroy();
});
