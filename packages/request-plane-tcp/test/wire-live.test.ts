/** A server for requests under damaged input, over real sockets. */
import { once } from "node:events";
import { connect } from "node:net";
import { FrameDecoder, RequestPlaneError } from "@dynamo/request-plane-core";
import type { InboundRequest, RequestAcceptor } from "@dynamo/request-plane-core";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { TcpClient } from "../src/client.ts";
import { decodeReply, encodeReply, measureReply } from "../src/reply-frame.ts";
import { encodeFrameHead } from "../src/request-frame.ts";
import { TcpServer } from "../src/server.ts";
import { damaged, decodingWith, sendAndEnd, standsStill, until } from "@dynamo/test-support";
import { recordedRequests } from "./support/recorded.ts";

const decodeStream = decodingWith(FrameDecoder);
const AT_ONCE = 50;
const LIMIT = 64 * 1024;
const DIALECTS = ["0.7", "1.6"] as const;

const recorded = recordedRequests();

describe("a server for requests", () => {
  it("takes 2,000 damaged streams without disturbing the client that sends good ones", async () => {
    const { server, port, path, received } = await serving("1.6");
    const healthy = new HealthyClient(`127.0.0.1:${port}/${path}`);
    // Frames that are served, and the recorded ones, whose endpoints the server doesn't know.
    const served = Buffer.concat([frameTo(path, "one"), frameTo(path, "two"), frameTo(path, "three")]);
    const good = [served, served, ...recorded.map(({ dialer }) => dialer)];
    const inputs = fc.sample(damaged(good), { seed: 20_260_101, numRuns: 2_000 });
    const answers = { accepted: 0, refused: 0 };
    for (let at = 0; at < inputs.length; at += AT_ONCE) {
      await Promise.all(
        inputs.slice(at, at + AT_ONCE).map(async (bytes, index) => {
          const ending = index % 2 === 0 ? "FIN" : "RST";
          const replies = decodeStream(measureReply(LIMIT * 2), [await sendAndEnd(port, bytes, ending)]);
          expect(replies.error).toBeUndefined();
          if (ending === "FIN") expect(replies.held).toBe(0);
          for (const reply of replies.frames.map((hex) => Buffer.from(hex, "hex"))) {
            const refusal = decodeReply(reply, 0, reply.length);
            // Every answer has one of the texts that callers know.
            expect(refusal?.code).not.toBe("protocol_error");
            answers[refusal ? "refused" : "accepted"] += 1;
          }
        }),
      );
      await healthy.check();
      await until("only the healthy client is left", () => server.health().connections === 1);
    }
    expect(Math.min(...Object.values(answers))).toBeGreaterThan(100);
    expect(received.filter(({ headers }) => headers["healthy"] === "yes")).toHaveLength(healthy.sent);
    await healthy.close();
    await until("nothing is left", () => server.health().connections === 0);
    expect(server.health()).toEqual({ connections: 0, pending: 0 });
  });

  it.each(
    DIALECTS.flatMap((dialect) => (["FIN", "RST"] as const).map((ending) => [dialect, ending] as const)),
  )(
    "answers exactly the whole frames of every prefix of a %s stream that ends with a %s",
    async (dialect, ending) => {
      const { server, port, path, received } = await serving(dialect);
      const healthy = new HealthyClient(`127.0.0.1:${port}/${path}`);
      const frames = [frameTo(path, "one"), frameTo(path, "twotwo")];
      const stream = Buffer.concat(frames);
      for (let at = 0; at <= stream.length; at += AT_ONCE) {
        await Promise.all(
          Array.from({ length: Math.min(AT_ONCE, stream.length + 1 - at) }, async (_, index) => {
            const length = at + index;
            const whole = length < frames[0]!.length ? 0 : length < stream.length ? 1 : 2;
            const answer = await sendAndEnd(port, stream.subarray(0, length), ending);
            if (ending === "FIN") expect(answer).toEqual(Buffer.alloc(4 * whole));
            else expect(answer.length).toBeLessThanOrEqual(4 * whole);
          }),
        );
        await healthy.check();
        await until("only the healthy client is left", () => server.health().connections === 1);
      }
      const bodies = new Set(received.map(({ envelope }) => Buffer.from(envelope).toString()));
      expect([...bodies].sort()).toEqual(["healthy", "one", "twotwo"]);
      await healthy.close();
      await until("nothing is left", () => server.health().connections === 0);
    },
  );

  it("says why it closes, whatever the caller still sends", async () => {
    const { server, port, path } = await serving("1.6");
    const head = encodeFrameHead(path, {}, 0xffff_ffff);
    const answer = await sendAndEnd(
      port,
      Buffer.concat([frameTo(path, "one"), head, Buffer.alloc(200_000)]),
      "FIN",
    );
    const text = `Read error: message too large: ${head.length + 0xffff_ffff} bytes (max: ${LIMIT} bytes)`;
    expect(answer.toString("latin1")).toBe(
      Buffer.concat([Buffer.alloc(4), encodeReply(text)]).toString("latin1"),
    );
    await until("nothing is left", () => server.health().connections === 0);
  });

  it("doesn't read a caller on that doesn't read its replies, and loses none of them", async () => {
    const refused = 4_000;
    let asked = 0;
    const text = "x".repeat(30_000);
    const { server, port, path } = await serving("1.6", () => {
      asked += 1;
      return new RequestPlaneError("overloaded", text);
    });
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    const frame = frameTo(path, "y".repeat(20_000));
    let written = 0;
    for (let count = 0; count < refused; count += 1) socket.write(frame, () => (written += 1));
    await until("some are answered", () => asked > 0);
    await standsStill("the writer", () => written);
    // 120 MB of replies are not kept for it.
    expect(asked).toBeLessThan(refused / 2);
    const reply = encodeReply(`Server overloaded: ${text}`);
    let bytes = 0;
    socket.on("data", (chunk: Buffer) => (bytes += chunk.length));
    await until("every request is answered", () => bytes === refused * reply.length);
    expect(asked).toBe(refused);
    socket.destroy();
    await until("nothing is left", () => server.health().connections === 0);
  });
});

/** A server of ours with one endpoint, which accepts all unless told otherwise. */
async function serving(pathForm: (typeof DIALECTS)[number], answer?: RequestAcceptor) {
  const server = new TcpServer({
    ...{ host: "127.0.0.1", advertiseHost: undefined, port: 0, maxMessageBytes: LIMIT, pathForm },
  });
  onTestFinished(() => server.stop());
  await server.start();
  const received: InboundRequest[] = [];
  const address = await server.register({
    ...{ namespace: "dynamo", component: "backend", endpoint: "generate", instanceId: 0x1a2bn },
    accept: answer ?? ((request) => void received.push(request)),
  });
  const [, port, path] = /:(\d+)\/(.*)/.exec(address)!;
  return { server, received, port: Number(port), path: path! };
}

function frameTo(path: string, body: string): Buffer {
  return Buffer.concat([encodeFrameHead(path, {}, Buffer.byteLength(body)), Buffer.from(body)]);
}

/** A client of ours on one connection, all of whose requests have to be acknowledged. */
class HealthyClient {
  sent = 0;
  readonly #address: string;
  readonly #client = new TcpClient({
    ...{ poolSize: 1, channelBuffer: 8, connectTimeoutMs: 10_000, requestTimeoutMs: 10_000 },
    ...{ maxMessageBytes: LIMIT, idleMs: 60_000 },
  });

  constructor(address: string) {
    this.#address = address;
  }

  async check(): Promise<void> {
    this.sent += 1;
    const envelope = [Buffer.from("healthy")];
    const headers = { healthy: "yes" };
    await this.#client.deliver({ address: this.#address, headers, envelope, envelopeBytes: 7 });
    expect(this.#client.health()).toEqual({ connections: 1, pending: 0 });
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
