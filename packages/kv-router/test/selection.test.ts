import { expect, test } from "vitest";
import { choose, probabilities } from "../src/selection.ts";
import { seeded } from "@dynamo/test-support/random";

function countChoices(costs: number[], temperature: number): number[] {
  const random = seeded(1);
  const counts = costs.map(() => 0);
  for (let draw = 0; draw < 30_000; draw++) {
    const { index } = choose(costs, temperature, random);
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts;
}

test("at temperature 0 the lowest cost wins, and equals share", () => {
  expect(choose([3, 1, 2], 0, () => 0)).toEqual({ index: 1, how: "lowest" });
  expect(choose([3], 0, () => 0)).toEqual({ index: 0, how: "only" });
  expect(choose([-1, -5, 0], 0, () => 0)).toEqual({ index: 1, how: "lowest" });
  const [worst, ...equals] = countChoices([9, 2, 2, 2], 0);
  expect(worst).toBe(0);
  for (const count of equals) expect(Math.abs(count - 10_000)).toBeLessThan(400);
});

test("above, chances are a softmax over the costs in units of their range", () => {
  const costs = [0, 3, 9];
  const weights = costs.map((cost) => Math.exp(-(cost / 9) / 0.5));
  const sum = weights.reduce((a, b) => a + b);
  const chances = probabilities(costs, 0.5);
  weights.forEach((weight, at) => expect(chances[at]).toBeCloseTo(weight / sum, 12));
  countChoices(costs, 0.5).forEach((count, at) => {
    expect(Math.abs(count / 30_000 - (chances[at] ?? 0))).toBeLessThan(0.02);
  });
  expect(Array.from(probabilities([4, 4], 0.1))).toEqual([0.5, 0.5]);
});

test("a small temperature is almost 0, without overflow", () => {
  expect(Array.from(probabilities([1e9, 0, 5e8], 1e-6))).toEqual([0, 1, 0]);
});

test("the same random numbers make the same choices", () => {
  const draw = (random: () => number) =>
    Array.from({ length: 100 }, () => choose([1, 1, 2, 1], 0.3, random).index);
  expect(draw(seeded(9))).toEqual(draw(seeded(9)));
  expect(choose([1, 2], 1, () => 1 - 2 ** -53)).toEqual({ index: 1, how: "sampled" });
});
