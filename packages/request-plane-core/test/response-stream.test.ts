import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RequestPlaneError } from "../src/errors.ts";
import type { ResponseBuffer } from "../src/response-buffer.ts";
import type { FrameForm } from "../src/response-plane.ts";
import { ResponseStream } from "../src/response-stream.ts";
import { reading } from "./support/reading.ts";

interface Scene {
  readonly buffer: ResponseBuffer;
  readonly stream: ResponseStream<unknown>;
  readonly push: (text: string, form?: FrameForm) => void;
}

function scene(): Scene {
  const { buffer, reader } = reading<unknown>(1_000_000);
  buffer.opened();
  const push = (text: string, form: FrameForm = "wrapped"): void => {
    const bytes = Buffer.from(`<${text}>`);
    buffer.frame(bytes, 1, bytes.length - 1, form);
  };
  return { buffer, push, stream: new ResponseStream("id", 1n, reader) };
}

function wrapped(json: string): string {
  return `{"data":{"data":${json}},"complete_final":false}`;
}

/** All batches, and the error that came behind them. */
async function batchesOf<T>(batches: AsyncIterable<T[]>): Promise<{ batches: T[][]; error?: unknown }> {
  const all: T[][] = [];
  try {
    for await (const batch of batches) all.push(batch);
    return { batches: all };
  } catch (error) {
    return { batches: all, error };
  }
}

describe("batches", () => {
  it("have all items that are here, and wait only when there is none", async () => {
    const { buffer, push, stream } = scene();
    for (const json of ["1", "2", "3"]) push(wrapped(json));
    const iterator = stream.batches()[Symbol.asyncIterator]();
    expect(await iterator.next()).toEqual({ done: false, value: [1, 2, 3] });
    const next = iterator.next();
    push("4", "item");
    push('{"event":"note","comment":["no data"]}', "annotated");
    push('{"data":5,"id":"five"}', "annotated");
    // The first wakes who waits; the others are for the next time.
    expect(await next).toEqual({ done: false, value: [4] });
    expect(await iterator.next()).toEqual({ done: false, value: [5] });
    buffer.completed();
    buffer.ended();
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it("tell an error behind the last item once, after the items", async () => {
    const { buffer, push, stream } = scene();
    push("1", "item");
    push("2", "item");
    buffer.failed(new RequestPlaneError("disconnected", "lost"));
    const { batches, error } = await batchesOf(stream.batches());
    expect(batches).toEqual([[1, 2]]);
    expect(error).toMatchObject({ code: "disconnected" });
  });
});

describe("batches of JSON", () => {
  it.each([
    ["a plain item", wrapped('{"a":1}'), '{"a":1}'],
    ["text that looks like the end of a frame", wrapped('"}}],{\\"\\\\"'), '"}}],{\\"\\\\"'],
    ["nested items", wrapped('{"a":[{"b":"]}"},[]]}'), '{"a":[{"b":"]}"},[]]}'],
    ["null", wrapped("null"), "null"],
    ["an item with an id", '{"data":{"data":[1],"id":"x"},"complete_final":false}', "[1]"],
    ["another order", '{"complete_final":false,"data":{"data":{"a":1}}}', '{"a":1}'],
    ["space between", ' {"data": {"data": {"a": 1}}, "complete_final": false}', '{"a":1}'],
    ["another field", '{"data":{"data":1},"more":{"y":2},"complete_final":false}', "1"],
  ])("of %s", async (_name, frame, json) => {
    const { buffer, push, stream } = scene();
    push(frame);
    push('{"complete_final":true}');
    buffer.ended();
    expect(await batchesOf(stream.jsonBatches())).toEqual({ batches: [[json]] });
  });

  it("of any value mean what was written, whatever stands in it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.json(), { minLength: 1 }), async (values) => {
        const { buffer, push, stream } = scene();
        values.forEach((json, i) => {
          push(i % 2 === 0 ? wrapped(json) : json, i % 2 === 0 ? "wrapped" : "item");
        });
        buffer.completed();
        buffer.ended();
        const { batches } = await batchesOf(stream.jsonBatches());
        expect(batches.flat().map((json) => JSON.parse(json as string) as unknown)).toEqual(
          values.map((json) => JSON.parse(json) as unknown),
        );
      }),
      { seed: 20_260_101, numRuns: 500 },
    );
  });

  it("have the envelope of what has no data, and throw error items", async () => {
    const { push, stream } = scene();
    push('{"event":"note"}', "annotated");
    push("1", "item");
    push(`{"data":{"event":"error","comment":["no"]},"complete_final":false}`);
    const { batches, error } = await batchesOf(stream.jsonBatches());
    expect(batches).toEqual([[{ event: "note" }, "1"]]);
    expect(error).toMatchObject({ code: "handler_failed", message: "no" });
  });

  it.each(["{", '{"data":{"data":},"complete_final":false}', '{"data":{"data":"},"complete_final":false}'])(
    "are a protocol error for the wrapper %s",
    async (frame) => {
      const { push, stream } = scene();
      push(frame);
      const { error } = await batchesOf(stream.jsonBatches());
      expect(error).toMatchObject({ code: "protocol_error" });
    },
  );
});
