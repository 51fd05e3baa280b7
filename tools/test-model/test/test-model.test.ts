import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { BYTE_CHARACTERS, toByteCharacters } from "../src/bytes.ts";
import { modelFiles } from "../src/files.ts";
import { BOS_ID, SPECIAL_TOKENS, VOCABULARY_SIZE, vocabulary } from "../src/vocabulary.ts";

const { ids, merges } = vocabulary();
const tokens = [...ids.keys()];

test("ids are bytes, then special tokens, then merges of what came before", () => {
  expect([...ids.values()]).toEqual(Array.from({ length: VOCABULARY_SIZE }, (_unused, id) => id));
  expect(tokens.slice(0, 256)).toEqual(BYTE_CHARACTERS);
  expect(tokens.slice(BOS_ID, 262)).toEqual([...SPECIAL_TOKENS]);
  expect(merges.map(([a, b]) => a + b)).toEqual(tokens.slice(262));
  for (const [a, b] of merges) {
    expect(Math.max(ids.get(a)!, ids.get(b)!)).toBeLessThan(ids.get(a + b)!);
  }
});

test("bytes have the characters that byte-level tokenizers know", () => {
  expect(new Set(BYTE_CHARACTERS).size).toBe(256);
  expect(toByteCharacters(" a\n").join("")).toBe("ĠaĊ");
});

test("ids from 1000 to 1999 are text", () => {
  expect(tokens.slice(1000, 2000).filter((token) => !/^Ġ?[a-z]+$/.test(token))).toEqual([]);
});

test("the files are the same each time", () => {
  const digest = createHash("sha256").update(JSON.stringify(modelFiles())).digest("hex");
  expect(digest).toBe("2271057d21c8e59a64f15b65615767b2732beefc93e244da5cce9956c6254076");
});
