import assert from "node:assert/strict";
import type { ConformanceCase } from "../case.ts";
import { single } from "../checks.ts";
import { sha256 } from "../reference/handler.ts";

/** Values that come back from the reference endpoint as they were sent. */
const VALUES: Readonly<Record<string, unknown>> = {
  true: true,
  "an empty text": "",
  "a large number": -1.5e300,
  "a number with many digits": 0.1234567890123456,
  "the largest safe integer": Number.MAX_SAFE_INTEGER,
  "whole numbers of 64 bits": { id: 2n ** 53n + 1n, list: [2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n - 1n] },
  "text in many scripts": "Grüße, Ελλάδα, Россия, 日本語, עברית, 🧑‍🚀",
  "text with control characters": "\0\u0001\b\t\n\v\f\r\u001b\u007f",
  "text with quotes and backslashes": `"\\"'\\\\/`,
  "line separators": "a\u2028b\u2029c",
  "text that looks like a frame": "\0\0\0\u0004null\r\n\r\n0\r\n",
  "an empty object": {},
  "an empty array": [],
  "a deep value": deep(100),
  "a long array": Array.from({ length: 10_000 }, (_, i) => i),
  "odd keys": JSON.parse('{"__proto__":1,"":2,"a.b":3,"constructor":4}') as unknown,
  "words of the protocol": { complete_final: true, event: "error", data: { data: null }, subject: "x" },
};

const LENGTHS = [0, 1, 1024, 65_535, 65_536, 65_537, 500_000];

export const echoCases: readonly Omit<ConformanceCase, "group">[] = [
  ...Object.entries(VALUES).map(([what, value]) => ({
    name: `${what} comes back as it was sent`,
    run: async (world: Parameters<ConformanceCase["run"]>[0]) => {
      const { client } = await world.reference();
      assert.deepEqual(await single(client.roundRobin({ do: "echo", value })), value);
    },
  })),
  ...LENGTHS.map((length) => ({
    name: `a text of ${length} letters is the same at the worker`,
    run: async (world: Parameters<ConformanceCase["run"]>[0]) => {
      const { client } = await world.reference();
      const text = "äbc".repeat(length).slice(0, length);
      const expected = { length: Buffer.byteLength(text), sha256: sha256(text) };
      assert.deepEqual(await single(client.roundRobin({ do: "digest", text })), expected);
    },
  })),
];

function deep(levels: number): unknown {
  return levels === 0 ? "bottom" : [deep(levels - 1)];
}
