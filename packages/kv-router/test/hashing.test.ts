import { expect, test } from "vitest";
import { blockHashes, sequenceHashes } from "../src/hashing.ts";
import { messages } from "./support/recorded.ts";

test.each(messages.hashes)("blocks of $block_size of $tokens.length tokens hash as in Dynamo", (vector) => {
  const blocks = blockHashes(vector.tokens, vector.block_size);
  expect(Array.from(blocks, String)).toEqual(vector.block_hashes);
  expect(Array.from(sequenceHashes(blocks), String)).toEqual(vector.sequence_hashes);
});

test("a LoRA adapter has hashes of its own, as in Dynamo 1.6.1", () => {
  const { name, tokens, block_size, block_hashes } = messages.lora;
  expect(Array.from(blockHashes(tokens, block_size, { loraName: name }), String)).toEqual(block_hashes);
  expect(blockHashes(tokens, block_size, { loraName: "" })).toEqual(blockHashes(tokens, block_size));
});

test("less than a block has no hash", () => {
  expect(blockHashes([1, 2, 3], 4)).toHaveLength(0);
  expect(sequenceHashes(new BigUint64Array(0))).toHaveLength(0);
});

test.each([0, -1, 1.5, NaN])("a block size of %s is refused", (blockSize) => {
  expect(() => blockHashes([1], blockSize)).toThrow(/blockSize/);
});
