import { expect, onTestFinished, test } from "vitest";
import { parseJson, stringifyJson } from "../src/json.ts";

test.each([
  '{"a":18446744073709551615,"b":[-9223372036854775808,9007199254740993]}',
  '{"a":9007199254740991,"b":-9007199254740991,"c":0.1,"d":1.5e-7}',
  '{"a":{"__proto__":9007199254740993},"b":null,"c":""}',
])("%s comes back as it was", (text) => {
  expect(stringifyJson(parseJson(text))).toBe(text);
});

test("only whole numbers beyond 2^53 become bigint", () => {
  expect(parseJson("[9007199254740991, 9007199254740992, 1.5, 1e20]")).toEqual([
    9007199254740991,
    9007199254740992n,
    1.5,
    1e20,
  ]);
});

test("a large number stays a number after writing and reading", () => {
  expect(parseJson(stringifyJson([1e20, -123456789012345680000, Number.MAX_VALUE]))).toEqual([
    1e20,
    -123456789012345680000,
    Number.MAX_VALUE,
  ]);
});

test("what has no JSON form is refused, not replaced by null", () => {
  expect(() => stringifyJson({ a: NaN })).toThrow(TypeError);
  expect(() => stringifyJson({ a: Infinity })).toThrow(TypeError);
  expect(() => parseJson('{"a":1e999}')).toThrow(SyntaxError);
});

test("a toJSON that an application gave to bigint doesn't turn ids into strings", () => {
  const prototype = BigInt.prototype as { toJSON?: () => string };
  prototype.toJSON = () => "patched";
  onTestFinished(() => {
    delete prototype.toJSON;
  });
  expect(stringifyJson({ id: 2n ** 64n - 1n, list: [1n] })).toBe('{"id":18446744073709551615,"list":[1]}');
});
