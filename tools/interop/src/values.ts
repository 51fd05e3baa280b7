/**
 * What is sent through the wire in both directions, and must come back as it was.
 */
import { createHash } from "node:crypto";

export const VALUES: Readonly<Record<string, unknown>> = {
  "text in many scripts": 'Grüße, Ελλάδα, Россия, 日本語, עברית, 🧑‍🚀 \u0000\u0007\u2028\u2029 "\\/\r\n',
  "integers up to 2^53": [
    0,
    -1,
    2 ** 31,
    -(2 ** 31),
    2 ** 32 + 1,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
  ],
  floats: [0.1, -0.5, 1 / 3, 1.5e300, -2.2250738585072014e-308, 5e-324, 0.1234567890123456],
  "nested and empty values": { list: [[], {}, null, true, false, ""], "": { a: { b: [{ c: null }] } } },
};

/** Beyond what a number of JavaScript holds; `u64` is the largest that Dynamo's JSON reads as an integer. */
export const LARGE_INTEGERS = [2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n - 1n];

export const MEGABYTE = 1_000_000;

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
