import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { FrameDecoder } from "@dynamo/request-plane-core";
import type { InboundRequest } from "@dynamo/request-plane-core";
import { describe, expect, it, onTestFinished } from "vitest";
import { TcpClient } from "../src/client.ts";
import { ACKNOWLEDGEMENT, decodeReply, encodeReply, measureReply } from "../src/reply-frame.ts";
import { decodeRequestFrame, encodeFrameHead, measureRequestFrame } from "../src/request-frame.ts";
import type { RequestFrame } from "../src/request-frame.ts";
import { TcpServer } from "../src/server.ts";
import { envelopeOf, recordedRequests, vector } from "./support/recorded.ts";
import { atRandom, byteByByte, decodingWith, seededBelow, until } from "@dynamo/test-support";

const decodeStream = decodingWith(FrameDecoder);
const LIMIT = 1024 * 1024;
const requests = recordedRequests();

describe("recorded request connections", () => {
  it("are those of both releases", () => {
    expect(requests.map(({ dynamo }) => dynamo).sort()).toEqual(
      ["0.7.1", "1.6.1"].flatMap((dynamo) => Array.from({ length: 5 }, () => dynamo)),
    );
  });

  describe.each(requests)("$name", ({ dynamo, frames, dialer, listener }) => {
    const hex = frames.map((frame) => frame.toString("hex"));
    const measure = measureRequestFrame(LIMIT);

    it("decodes to the same frames whole, byte by byte and cut at random 1,000 times", () => {
      const whole = { frames: hex, error: undefined, held: 0 };
      expect(decodeStream(measure, [dialer])).toEqual(whole);
      expect(decodeStream(measure, byteByByte(dialer))).toEqual(whole);
      const random = seededBelow(1);
      for (let round = 0; round < 1_000; round += 1) {
        expect(decodeStream(measure, atRandom(dialer, random))).toEqual(whole);
      }
    });

    it("has the path, the headers and the envelope of its release", () => {
      for (const frame of frames) {
        const { path, headers, payload } = decodeRequestFrame(frame, 0, frame.length);
        expect(payload).toEqual(envelopeOf(frame));
        if (dynamo === "0.7.1") {
          expect({ path, headers }).toEqual({ path: "generate", headers: {} });
          continue;
        }
        expect(path).toMatch(/^[0-9a-f]{1,16}\/dynamo\/backend\/generate$/);
        expect(headers).toEqual({
          "x-endpoint-path": path,
          "request-id": expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
          "x-frontend-send-ts-ns": expect.stringMatching(/^\d{19}$/) as string,
        });
      }
    });

    it("is what the encoder writes, byte for byte but for the order of the headers", () => {
      for (const frame of frames) {
        const { path, headers, payload } = decodeRequestFrame(frame, 0, frame.length);
        const ours = Buffer.concat([encodeFrameHead(path, headers, payload.length), payload]);
        expectSameFrame(ours, frame);
      }
    });

    it("is acknowledged by a server of ours with the recorded bytes", async () => {
      const { path } = decodeRequestFrame(frames[0]!, 0, frames[0]!.length);
      const { port, received, server } = await serve(path);
      const socket = connect(port, "127.0.0.1");
      const replies: Buffer[] = [];
      socket.on("data", (chunk: Buffer) => replies.push(chunk));
      socket.write(dialer);
      await until("all is acknowledged", () => Buffer.concat(replies).length >= listener.length);
      socket.end();
      await until("the connection is closed", () => server.health().connections === 0);
      expect(Buffer.concat(replies)).toEqual(listener);
      expect(received.map(({ envelope }) => envelope)).toEqual(frames.map(envelopeOf));
    });

    it("comes from a client of ours that delivers the same requests", async () => {
      const { port, received } = await scriptedServer();
      const client = new TcpClient({
        ...{ poolSize: 1, channelBuffer: 8, connectTimeoutMs: 5_000, requestTimeoutMs: 5_000 },
        ...{ maxMessageBytes: LIMIT, idleMs: 60_000 },
      });
      for (const frame of frames) {
        const { path, headers, payload } = decodeRequestFrame(frame, 0, frame.length);
        const address = `127.0.0.1:${port}/${path}`;
        // In two pieces, as a caller has them.
        const envelope = [payload.subarray(0, 24), payload.subarray(24)];
        await client.deliver({ address, headers, envelope, envelopeBytes: payload.length });
      }
      await client.close();
      const sent = Buffer.concat(received);
      expect(sent).toHaveLength(dialer.length);
      let at = 0;
      for (const frame of frames) {
        expectSameFrame(sent.subarray(at, at + frame.length), frame);
        at += frame.length;
      }
    });
  });
});

describe("vectors", () => {
  it("R1 is a frame of 0.7, and what the encoder writes", () => {
    expect(decode(vector("R1"))).toEqual({ path: "generate", headers: {}, payload: vector("T1") });
    expect(Buffer.concat([encodeFrameHead("generate", { ignored: "in 0.7" }, 33), vector("T1")])).toEqual(
      vector("R1"),
    );
  });

  it("R2 is a frame of 0.8 and newer, and what the encoder writes", () => {
    const headers = { "x-endpoint-path": "1a2b/generate" };
    expect(decode(vector("R2"))).toEqual({ path: "1a2b/generate", headers, payload: vector("T1") });
    expect(Buffer.concat([encodeFrameHead("1a2b/generate", {}, 33), vector("T1")])).toEqual(vector("R2"));
  });

  it("R3, the smallest frame of 0.8 and newer, is told from one of 0.7 by its braces", () => {
    expect(decode(vector("R3"))).toEqual({ path: "e", headers: {}, payload: Buffer.alloc(0) });
  });

  it("R1 to R3 decode one after the other on one connection, however cut", () => {
    const frames = ["R1", "R2", "R3", "R2", "R1"].map(vector);
    const expected = { frames: frames.map((frame) => frame.toString("hex")), error: undefined, held: 0 };
    const random = seededBelow(2);
    const stream = Buffer.concat(frames);
    expect(decodeStream(measureRequestFrame(LIMIT), byteByByte(stream))).toEqual(expected);
    for (let round = 0; round < 1_000; round += 1) {
      expect(decodeStream(measureRequestFrame(LIMIT), atRandom(stream, random))).toEqual(expected);
    }
  });

  it("A1 is the acknowledgement", () => {
    expect(ACKNOWLEDGEMENT).toEqual(vector("A1"));
    expect(decodeReply(vector("A1"), 0, 4)).toBeUndefined();
  });

  it.each([
    ["A2", "Unknown endpoint: 1a2b/nope", "unknown_endpoint"],
    ["A3", "Server overloaded: worker at capacity", "overloaded"],
  ])("%s is the refusal '%s'", (name, text, code) => {
    const bytes = vector(name);
    expect(encodeReply(text)).toEqual(bytes);
    expect(measureReply(LIMIT)(bytes, 0, bytes.length)).toBe(bytes.length);
    expect(decodeReply(bytes, 0, bytes.length)).toMatchObject({ code, message: text, remote: true });
  });
});

describe("refusals of every release", () => {
  it.each([
    ["Request too large", "payload_too_large"],
    ["Read error: message too large: 41943073 bytes (max: 33554432 bytes)", "payload_too_large"],
    ["Read error: invalid endpoint path length: 2000", "invalid_argument"],
    ["Decode error: Invalid UTF-8: invalid utf-8 sequence of 1 bytes from index 0", "invalid_argument"],
    ["Invalid endpoint path", "invalid_argument"],
    ["Unknown endpoint: generate", "unknown_endpoint"],
    ["Server unavailable: unknown endpoint 1a2b/dynamo/backend/generate", "unknown_endpoint"],
    ["Server unavailable: worker pool channel closed", "unavailable"],
    ["Server overloaded: worker at capacity", "overloaded"],
    ["Server overloaded: ", "overloaded"],
    ["something newer", "protocol_error"],
  ])("'%s' is %s, and its text is kept", (text, code) => {
    const bytes = encodeReply(text);
    expect(decodeReply(bytes, 0, bytes.length)).toMatchObject({ code, message: text, remote: true });
  });

  it("say which size was refused and what the limit is", () => {
    const bytes = encodeReply("Read error: message too large: 41943073 bytes (max: 33554432 bytes)");
    expect(decodeReply(bytes, 0, bytes.length)?.facts).toMatchObject({
      actual: 41_943_073,
      limit: 33_554_432,
    });
  });
});

/** Equal bytes, but the headers, whose order varies from request to request, equal as JSON. */
function expectSameFrame(ours: Buffer, theirs: Buffer): void {
  const [a, b] = [decode(ours), decode(theirs)];
  expect(a.headers).toEqual(b.headers);
  expect(ours).toHaveLength(theirs.length);
  const headersStart = 2 + Buffer.byteLength(a.path) + 2;
  const payloadStart = ours.length - a.payload.length;
  expect(ours.toString("hex", payloadStart - 4)).toBe(theirs.toString("hex", payloadStart - 4));
  if (Object.keys(b.headers).length === 0) expect(ours.toString("hex")).toBe(theirs.toString("hex"));
  else expect(ours.toString("hex", 0, headersStart)).toBe(theirs.toString("hex", 0, headersStart));
}

function decode(frame: Buffer): RequestFrame {
  return decodeRequestFrame(frame, 0, frame.length);
}

/** A server of ours with one endpoint, in whichever form its path has. */
async function serve(path: string) {
  const segments = path.split("/");
  const instanceId = segments.length === 1 ? 1n : BigInt(`0x${segments[0]!}`);
  const server = new TcpServer({
    ...{ host: "127.0.0.1", advertiseHost: undefined, port: 0, maxMessageBytes: LIMIT },
    pathForm: segments.length === 1 ? "0.7" : "1.6",
  });
  onTestFinished(() => server.stop());
  await server.start();
  const received: InboundRequest[] = [];
  const address = await server.register({
    ...{ namespace: "dynamo", component: "backend", endpoint: "generate", instanceId },
    accept: (request) => void received.push(request),
  });
  expect(address.slice(address.indexOf("/") + 1)).toBe(path);
  return { server, received, port: Number(/:(\d+)\//.exec(address)![1]) };
}

/** Acknowledges every chunk, and keeps it. Good for a client that waits for each acknowledgement. */
async function scriptedServer(): Promise<{ port: number; received: Buffer[] }> {
  const received: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on("data", (chunk: Buffer) => {
      received.push(chunk);
      socket.write(Buffer.alloc(4));
    });
    socket.on("error", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, received };
}
