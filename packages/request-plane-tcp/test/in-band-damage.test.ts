/** What both ends of a switched connection do with damaged frames. */
import { connect } from "node:net";
import { once } from "node:events";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import { cutAt, cuts, damaged, largestAllocation, until } from "@dynamo/test-support";
import { addressOf, collect, idOf, settled } from "@dynamo/test-world";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameInput } from "../src/in-band/frame-input.ts";
import type { FrameSink } from "../src/in-band/frame-input.ts";
import { decodeRequestBody } from "../src/in-band/request-body.ts";
import { inBandFrame, KINDS, RawInBandWorker, requestBody, SWITCH, u32 } from "./support/in-band-peers.ts";
import { World } from "./support/world.ts";

const SEED = 20_260_101;
const LIMIT = 4096;
const AT_ONCE = 50;

const requests = [
  inBandFrame(KINDS.REQUEST, 1, requestBody("1/a/b/c", { items: 2 })),
  inBandFrame(KINDS.CREDIT, 1, u32(1_000)),
  inBandFrame(KINDS.REQUEST, 2, requestBody("1/a/b/c", { items: 1 })),
  inBandFrame(KINDS.STOP, 1),
  inBandFrame(KINDS.KILL, 2),
];
const responses = [
  inBandFrame(KINDS.OPENED, 1),
  inBandFrame(KINDS.ITEM, 1, '{"word":"one"}'),
  inBandFrame(KINDS.ANNOTATED, 1, '{"data":2,"id":"b"}'),
  inBandFrame(KINDS.END, 1),
];

/** Notes what it is told, and gives up on frames above the limit in every second stream. */
class Notes implements FrameSink {
  readonly told: string[] = [];

  frame(bytes: Buffer, start: number, end: number): void {
    this.told.push(bytes.toString("hex", start, end));
  }

  admits(kind: number, stream: number, bodyBytes: number): boolean {
    if (bodyBytes <= LIMIT) return true;
    this.told.push(`${kind} ${stream} ${bodyBytes}`);
    return false;
  }
}

function read(chunks: readonly Buffer[]): { told: string; isUnfinished: boolean } {
  const notes = new Notes();
  const input = new FrameInput(notes);
  for (const chunk of chunks) input.push(chunk);
  return { told: notes.told.join("\n"), isUnfinished: input.isUnfinished };
}

describe("damaged streams of in-band frames", () => {
  it("decode alike however cut, within the limit", () => {
    const outcomes = { whole: 0, unfinished: 0, refused: 0 };
    const good = [Buffer.concat(requests), Buffer.concat(responses), ...requests, ...responses];
    fc.assert(
      fc.property(fc.tuple(damaged(good), cuts), ([bytes, places]) => {
        const whole = read([bytes]);
        const allocated = largestAllocation(() => expect(read(cutAt(bytes, places))).toEqual(whole));
        expect(allocated).toBeLessThanOrEqual(LIMIT + 9);
        const isRefused = whole.told.includes(" ");
        outcomes[isRefused ? "refused" : whole.isUnfinished ? "unfinished" : "whole"] += 1;
      }),
      { seed: SEED, numRuns: 10_000 },
    );
    expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(100);
  });

  it("give requests with all fields, or protocol_error", () => {
    const body = requestBody("1/a/b/c", { items: 2 });
    fc.assert(
      fc.property(damaged([body]), (bytes) => {
        try {
          const { path, envelope } = decodeRequestBody(bytes, 0, bytes.length);
          expect(Buffer.byteLength(path, "latin1") + envelope.length).toBeLessThan(bytes.length);
        } catch (error) {
          if (!(error instanceof RequestPlaneError)) throw error;
          expect(error.code).toBe("protocol_error");
        }
      }),
      { seed: SEED, numRuns: 5_000 },
    );
  });
});

describe("over real sockets", () => {
  it("a worker takes 1,000 damaged connections without disturbing a caller that sends good requests", async () => {
    await using world = new World();
    const worker = await world.worker(async function* ({ items = 1 }: { items?: number }) {
      for (let i = 0; i < Math.min(items, 3); i += 1) yield i;
    });
    const { client, manager } = await world.client({ settings: { responseMode: "inband" } });
    const address = addressOf(worker.served.instance);
    const path = address.slice(address.indexOf("/") + 1);
    const port = Number(address.slice(0, address.indexOf("/")).split(":")[1]);
    const good = Buffer.concat([1, 2, 3].map((id) => inBandFrame(KINDS.REQUEST, id, requestBody(path, {}))));
    const inputs = fc.sample(damaged([good, Buffer.concat(requests)]), { seed: SEED, numRuns: 1_000 });
    let answered = 0;
    for (let at = 0; at < inputs.length; at += AT_ONCE) {
      await Promise.all(
        inputs.slice(at, at + AT_ONCE).map(async (bytes, index) => {
          const ending = index % 2 === 0 ? "FIN" : "RST";
          const socket = connect({ port, host: "127.0.0.1" });
          const closed = new Promise((resolve) => socket.once("close", resolve));
          let bytesRead = 0;
          socket.on("error", () => socket.destroy());
          socket.write(SWITCH);
          await once(socket, "data");
          socket.on("data", (chunk: Buffer) => (bytesRead += chunk.length));
          if (ending === "FIN") socket.end(bytes);
          else socket.write(bytes, () => socket.resetAndDestroy());
          await closed;
          if (bytesRead > 0) answered += 1;
        }),
      );
      expect(await collect(client.roundRobin({}))).toEqual([0]);
      await until("only the good caller is left", () => {
        const { planes, responsesWritten } = worker.manager.health();
        return planes["tcp"]!.connections === 1 && responsesWritten === 0;
      });
    }
    expect(answered).toBeGreaterThan(50);
    await settled(manager, worker.manager);
  });

  it("a caller takes 400 damaged answers: each call ends, whole or with an error", async () => {
    await using world = new World();
    const whole = (stream: number): Buffer =>
      Buffer.concat([
        inBandFrame(KINDS.ITEM, stream, "0"),
        inBandFrame(KINDS.ANNOTATED, stream, '{"data":1}'),
        inBandFrame(KINDS.END, stream),
      ]);
    const inputs = fc.sample(damaged([whole(1)]), { seed: SEED, numRuns: 400 });
    let next = 0;
    await RawInBandWorker.start(world, idOf(1), ({ kind }, socket) => {
      if (kind === KINDS.REQUEST) socket.end(inputs[next++]!);
    });
    const { client, manager } = await world.client({
      settings: { responseMode: "inband", firstItemMs: 2_000 },
    });
    const outcomes = { whole: 0, failed: 0 };
    for (const input of inputs) {
      const items: unknown[] = [];
      try {
        for await (const item of await client.roundRobin({}, { failover: false })) items.push(item);
        outcomes.whole += 1;
        // Only what has its end mark is whole.
        expect(input.includes(inBandFrame(KINDS.END, 1))).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(RequestPlaneError);
        outcomes.failed += 1;
      }
      await until("the connection is gone", () => manager.health().planes["tcp"]!.connections === 0);
    }
    expect(outcomes.failed).toBeGreaterThan(100);
    await settled(manager);
  });
});
