import { expect, onTestFinished, test } from "vitest";
import { parseJson, stringifyJson } from "../src/json.ts";
import { decodeJson, encodeJson } from "../src/payload-codec.ts";

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

test.each(["9007199254740993", "-9007199254740993", "[9007199254740993]", "[1,-18446744073709551615]"])(
  "the payload %s is exact and comes back as it was",
  (text) => {
    expect(decodeJson(text)).toEqual(parseJson(text));
    expect(encodeJson(decodeJson(text))).toBe(text);
  },
);

test.each([" \n", "\t", "\r\n "])("space before a number, %j, hides nothing", (space) => {
  const id = 9007199254740993n;
  expect(decodeJson(`{"a":${space}9007199254740993,${space}"b":[${space}9007199254740993]}`)).toEqual({
    a: id,
    b: [id],
  });
});

test.each([
  "[9007199254740991,-9007199254740991,1234567890123456,0.1234567890123456789,1.2345678901234567e300]",
  '{"1234567890123456":"1234567890123456","a":"[9007199254740993,\\":9007199254740993\\""}',
])("%s is what JSON.parse makes of it", (text) => {
  expect(decodeJson(text)).toEqual(JSON.parse(text));
});

test("a large whole number is found wherever it stands, behind shorter ones and texts of digits too", () => {
  for (let before = 0; before < 40; before += 1) {
    for (const filler of ["x".repeat(before), "7".repeat(before)]) {
      const text = `{"a":"${filler}","b":123456789012345,"c":9007199254740993}`;
      expect(decodeJson(text)).toEqual({ a: filler, b: 123456789012345, c: 9007199254740993n });
    }
  }
});
