/** MessagePack as Dynamo 1.6.1 writes it, and values for which JSON has no word. */
import { until } from "@dynamo/test-support";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { AnnotatedItem } from "../src/annotated.ts";
import type { Annotated } from "../src/annotated.ts";
import { CallHomeConnector } from "../src/call-home/connector.ts";
import { msgpack } from "../src/msgpack.ts";
import { EncodedItem } from "../src/payload-codec.ts";
import { encodeDataOnly } from "../src/wire/two-part.ts";
import { recordedResponses, vector } from "./fixtures/recorded.ts";
import { framesOf } from "./support/two-part-frames.ts";
import { ScriptedCaller } from "./support/scripted-caller.ts";
import { endpointWorker, requestTo } from "./support/worker.ts";

const SEED = { seed: 20_260_101 };
const recorded = recordedResponses().filter(({ dynamo }) => dynamo === "1.6.1");
const C9 = { data: { data: { text: "hi" } }, complete_final: false };
const C10 = { complete_final: true };

const hex = (value: unknown): string => Buffer.from(msgpack.encode(value)).toString("hex");
const read = (text: string): unknown => msgpack.decode(Buffer.from(text, "hex"));
const again = (value: unknown): unknown => msgpack.decode(msgpack.encode(value));

describe("vectors", () => {
  it.each([
    ["C9", C9],
    ["C10", C10],
  ])("%s is what the codec writes and reads", (name, value) => {
    expect(encodeDataOnly(msgpack.encode(value)).toString("hex")).toBe(vector(name).toString("hex"));
    expect(msgpack.decode(vector(name).subarray(24))).toEqual(value);
  });
});

describe("recordings of 1.6.1", () => {
  const connector = new CallHomeConnector();
  afterEach(() => expect(connector.size).toBe(0));

  it("are there", () => {
    expect(recorded).toHaveLength(7);
  });

  it.each(recorded)("have bodies that the codec writes byte for byte: $name", ({ body, dialer }) => {
    const bodies = framesOf([dialer])
      .filter((frame) => frame.body !== "")
      .map((frame) => Buffer.from(frame.body, "latin1"));
    expect(bodies.length).toBeGreaterThan(1);
    for (const bytes of [body, ...bodies]) expect(hex(msgpack.decode(bytes))).toBe(bytes.toString("hex"));
  });

  it.each(recorded.filter(({ case: what }) => !what.includes("drop")))(
    "are what a worker of ours writes when it yields the same: $name",
    async (response) => {
      const caller = await ScriptedCaller.listen();
      const requests: unknown[] = [];
      async function* handler(request: unknown) {
        requests.push(request);
        for (const { body } of framesOf([response.dialer])) {
          const { data } = body === "" ? {} : (msgpack.decode(Buffer.from(body, "latin1")) as Wrapper);
          if (data) yield new AnnotatedItem(data);
        }
      }
      const worker = endpointWorker(connector, handler, msgpack);
      expect(worker.accept(requestTo(caller, response))).toBeUndefined();
      await until("all came", () => caller.received.length >= response.dialer.length);
      caller.finish();
      await until("the worker is done", () => worker.inFlight === 0);
      expect(requests).toEqual([msgpack.decode(response.body)]);
      expect(caller.received.toString("hex")).toBe(response.dialer.toString("hex"));
    },
  );

  it("an item that is JSON text already is written in the codec of its request", async () => {
    const caller = await ScriptedCaller.listen();
    const worker = endpointWorker(connector, () => [new EncodedItem('{"text": "hi"}')], msgpack);
    worker.accept(requestTo(caller, recorded[0]!));
    await until("all came", () => caller.received.includes('"sentinel"'));
    caller.finish();
    await until("the worker is done", () => worker.inFlight === 0);
    expect(hex(C9)).toBe(Buffer.from(framesOf([caller.received])[2]!.body, "latin1").toString("hex"));
  });

  it("a payload that is none is refused in the prologue", async () => {
    const caller = await ScriptedCaller.listen();
    const worker = endpointWorker(connector, () => [], msgpack);
    worker.accept(requestTo(caller, { ...recorded[0]!, body: Buffer.from("c1", "hex") }));
    await until("it is refused", () => framesOf([caller.received]).length === 2);
    caller.finish();
    await until("the worker is done", () => worker.inFlight === 0);
    expect(JSON.parse(framesOf([caller.received])[1]!.header)).toMatchObject({
      error: "The request's payload is not msgpack",
      typed_error: { error_type: "InvalidArgument" },
    });
  });
});

describe("numbers", () => {
  it.each([
    [0xffff_ffff, "ceffffffff"],
    [0x1_0000_0000, "cf0000000100000000"],
    [-0x8000_0001, "d3ffffffff7fffffff"],
    [Number.MAX_SAFE_INTEGER, "cf001fffffffffffff"],
    [0.5, "cb3fe0000000000000"],
    [NaN, "cb7ff8000000000000"],
    [-Infinity, "cbfff0000000000000"],
  ])("%d is %s, and is read back as a number", (value, bytes) => {
    expect(hex(value)).toBe(bytes);
    expect(read(bytes)).toBe(value);
    // Beside a bigint, which takes another way.
    expect(hex([value, 2n ** 63n])).toBe(`92${bytes}cf8000000000000000`);
  });

  it("are bigints only where a number would be wrong", () => {
    expect(hex(2n ** 64n - 1n)).toBe("cfffffffffffffffff");
    expect(again([2n ** 64n - 1n, -(2n ** 63n), 2n ** 53n, 2n ** 53n - 1n, 7n])).toEqual([
      2n ** 64n - 1n,
      -(2n ** 63n),
      2n ** 53n,
      Number.MAX_SAFE_INTEGER,
      7,
    ]);
    expect(() => msgpack.encode(2n ** 64n)).toThrow("has more than 64 bits");
  });
});

describe("bytes", () => {
  it("are bin, at any length and depth, and a view of what was read", () => {
    expect(hex(Buffer.from("hi"))).toBe("c4026869");
    for (const length of [0, 255, 256, 65_535, 65_536]) {
      const bytes = new Uint8Array(length).fill(0xed);
      expect(again({ list: [{ bytes }] })).toEqual({ list: [{ bytes }] });
    }
    const encoded = msgpack.encode(new Uint8Array([1, 2]));
    const view = msgpack.decode(encoded) as Uint8Array;
    expect(view.buffer).toBe(encoded.buffer);
  });

  it("stay as they are beside what is copied, with any content", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.string({ unit: "binary" }), (bytes, text) => {
        expect(again([bytes, text, 2n ** 60n])).toEqual([bytes, text.toWellFormed(), 2n ** 60n]);
        expect(again([bytes, text])).toEqual([bytes, text.toWellFormed()]);
      }),
      { ...SEED, numRuns: 1_000 },
    );
  });
});

describe("other values", () => {
  it("are what JSON would make of them", () => {
    const date = new Date(0);
    expect(again({ date, gone: undefined, list: [undefined, null] })).toEqual({
      date: "1970-01-01T00:00:00.000Z",
      list: [null, null],
    });
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json: unknown = JSON.parse(JSON.stringify(value));
        if (!JSON.stringify(json).includes("__proto__")) expect(again(json)).toEqual(json);
      }),
      { ...SEED, numRuns: 1_000 },
    );
  });

  it("have no half characters, which Rust readers refuse", () => {
    for (const text of ["\ud83d", "a\udc00b\ud800", "\ud83d".repeat(100)]) {
      expect(again({ [text]: text })).toEqual({ [text.toWellFormed()]: text.toWellFormed() });
    }
    expect(again("\ud7ff\u{1f600}힣")).toBe("\ud7ff\u{1f600}힣");
  });

  it("that can't be written are an error, and the next one is written well", () => {
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    for (const value of [circle, () => 1, Symbol("s")]) expect(() => msgpack.encode(value)).toThrow();
    expect(hex(C10)).toBe(vector("C10").toString("hex", 24));
  });
});

describe("bytes that are no value", () => {
  it.each([
    ["nothing", ""],
    ["the marker that is never used", "c1"],
    ["half a value", "82a464617461"],
    ["more than one value", "0101"],
    ["an extension", "d40101"],
    ["a list that promises 4 billion values", "ddffffffff"],
    ["lists in lists that promise 65 535 values each", "dcffff".repeat(20_000)],
    ["lists after a text", `92a3${Buffer.from("abc").toString("hex")}dd00ffffff`],
    ["a marker at the end", "92dcdd"],
  ])("are an error: %s", (_what, bytes) => {
    const before = process.memoryUsage().rss;
    expect(() => read(bytes)).toThrow();
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  });

  it("are an error or a value, whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          msgpack.decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { ...SEED, numRuns: 5_000 },
    );
  });

  it("are told from long lists that are good", () => {
    const list = Array.from({ length: 70_000 }, (_, i) => (i % 2 ? i * 2 ** 20 : "é".repeat(i % 40)));
    const value = { list, map: Object.fromEntries(list.slice(0, 2_000).map((item, i) => [`k${i}`, item])) };
    expect(again(value)).toEqual(value);
  });
});

interface Wrapper {
  readonly data?: Annotated<unknown>;
}
