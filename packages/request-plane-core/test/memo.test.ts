import { expect, test } from "vitest";
import { memoized } from "../src/memo.ts";

test("computes once for each text, until there are too many", () => {
  const asked: string[] = [];
  const lengthOf = memoized((text) => asked.push(text), 2);
  expect(["a", "a", "b", "a", "c", "a"].map(lengthOf)).toEqual([1, 1, 2, 1, 3, 4]);
  expect(asked).toEqual(["a", "b", "c", "a"]);
});

test("keeps results that are undefined, and nothing that was thrown", () => {
  let calls = 0;
  const fails = memoized((text) => {
    calls += 1;
    if (text === "") throw new RangeError("empty");
  });
  for (let time = 0; time < 2; time += 1) {
    fails("a");
    expect(() => fails("")).toThrow("empty");
  }
  expect(calls).toBe(3);
});
