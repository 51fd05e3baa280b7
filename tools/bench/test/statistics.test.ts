import { expect, test } from "vitest";
import { median, medianRatio, percentile } from "../src/statistics.ts";

const ONE_TO_HUNDRED = Array.from({ length: 100 }, (_, index) => 100 - index);

test.each([
  [0, 1],
  [50, 50],
  [99, 99],
  [99.5, 100],
  [100, 100],
])("the %f. percentile of 1 to 100 is %i", (percent, expected) => {
  expect(percentile(ONE_TO_HUNDRED, percent)).toBe(expected);
});

test("percentiles sort by size, not as text, and leave the values alone", () => {
  const values = [9, 10, 1];
  expect(percentile(values, 50)).toBe(9);
  expect(values).toEqual([9, 10, 1]);
});

test("a single value is every percentile of itself, and nothing has none", () => {
  expect(percentile([7], 1)).toBe(7);
  expect(percentile([7], 99)).toBe(7);
  expect(percentile([], 50)).toBeNaN();
});

test("the median is the middle, or between the two in the middle", () => {
  expect(median([10, 1, 9])).toBe(9);
  expect(median([10, 1, 9, 2])).toBe(5.5);
  expect(median([])).toBeNaN();
});

test("ratios are taken round by round", () => {
  // The machine was ten times slower in the last two rounds; the ratio was always 2.
  expect(medianRatio([200, 20, 20], [100, 10, 10])).toBe(2);
  expect(medianRatio([1, 4, 9], [1, 2, 1])).toBe(2);
});
