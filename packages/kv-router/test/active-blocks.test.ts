import { expect, test } from "vitest";
import { ActiveBlocks } from "../src/load/active-blocks.ts";
import { seeded } from "@dynamo/test-support/random";

const SLOTS = 70;

/** Conversations that part from each other after any block: a name stands for the block and all before it. */
function conversations(random: () => number): () => BigUint64Array {
  const names = new Map<string, bigint>();
  return () => {
    let path = "";
    const sequence = Array.from({ length: 1 + Math.floor(random() * 24) }, () => {
      path += random() < 0.9 ? "a" : "b";
      const name = names.get(path) ?? BigInt(names.size + 1);
      names.set(path, name);
      return name;
    });
    return BigUint64Array.from(sequence);
  };
}

function commonLength(one: BigUint64Array, other: BigUint64Array): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  return length;
}

test.each([1, 0.1])(
  "shared blocks are those that a plain list of requests has, on a share of %d of slots",
  (share) => {
    const random = seeded(7);
    const next = conversations(random);
    const blocks = new ActiveBlocks();
    const requests: { slot: number; sequence: BigUint64Array; held: Int32Array }[] = [];
    const depths = new Int32Array(SLOTS);
    let mostShared = 0;
    for (let step = 0; step < 3_000; step++) {
      const slot = Math.floor(random() * SLOTS * share);
      const sequence = next();
      if (random() < 0.55) requests.push({ slot, sequence, held: blocks.hold(slot, sequence) });
      else
        blocks.release(
          requests.splice(Math.floor(random() * requests.length), 1)[0]?.held ?? new Int32Array(),
        );
      const asked = next();
      blocks.match(asked, depths);
      const expected = new Int32Array(SLOTS);
      for (const { slot: at, sequence: held } of requests)
        expected[at] = Math.max(expected[at] ?? 0, commonLength(asked, held));
      expect(depths).toEqual(expected);
      mostShared = Math.max(mostShared, expected.filter((depth) => depth > 0).length);
    }
    // Both ways of keeping the members of a block were needed.
    expect(mostShared).toBe(SLOTS * share);
    for (const { held } of requests) blocks.release(held);
    blocks.match(next(), depths);
    expect(
      [...depths, ...depths.keys()].every((value, at) => (at < SLOTS ? value : blocks.count(value)) === 0),
    ).toBe(true);
  },
);
