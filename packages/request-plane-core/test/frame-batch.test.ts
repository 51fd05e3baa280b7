import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { FrameBatch, wrapping } from "../src/call-home/frame-batch.ts";
import { decodeFrame } from "../src/frame-codec.ts";
import { ENVELOPE_HEAD, ENVELOPE_TAIL, ITEM_HEAD, ITEM_TAIL } from "../src/wire/response-frames.ts";

function written(batch: FrameBatch): string {
  const chunks: Buffer[] = [];
  const collector = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  batch.writeTo(collector);
  return Buffer.concat(chunks).toString("hex");
}

describe("a wrapped text in a batch", () => {
  // Longer than the batch's first buffer, and than one byte for each unit.
  it.each(["1", '"ä€😀"', JSON.stringify("€".repeat(5_000))])("has the bytes of the whole frame", (json) => {
    for (const [head, tail] of [
      [ITEM_HEAD, ITEM_TAIL],
      [ENVELOPE_HEAD, ENVELOPE_TAIL],
    ] as const) {
      const wrapped = new FrameBatch();
      const whole = new FrameBatch();
      wrapped.add("{}", "header");
      wrapped.addWrapped(json, wrapping(head, tail));
      whole.add("{}", "header");
      whole.add(`${head}${json}${tail}`, "body");
      expect(written(wrapped)).toBe(written(whole));
    }
  });
});

describe("a wrapper that is read", () => {
  it.each([
    '{"data":{"data":[1,"},"]},"complete_final":false}',
    '{"data":{"data":1,"id":"7"},"complete_final":false}',
    '{"data":{"data":1},"comment":["x"]},"complete_final":false}',
    '{"data":{"data":},"complete_final":false}',
    '{"data":{"data":1}},"complete_final":false}',
  ])("is what JSON says: %s", (text) => {
    const bytes = Buffer.from(text);
    const read = (): unknown => decodeFrame({ bytes, start: 0, end: bytes.length, form: "wrapped" });
    const parsed = ((): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        return undefined;
      }
    })();
    if (parsed === undefined) expect(read).toThrow("A frame of the response is not JSON");
    else expect(read()).toMatchObject({ data: (parsed as { data: object }).data });
  });
});
