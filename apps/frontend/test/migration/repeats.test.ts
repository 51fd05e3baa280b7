import { expect, test } from "vitest";
import { Repeats } from "../../src/migration/repeats.ts";

test("what goes on is news once, and again after a minute without it", () => {
  let now = 0;
  const repeats = new Repeats(() => now);
  const at = (seconds: number, what: string): boolean => {
    now = seconds * 1_000;
    return repeats.isNews(what);
  };
  expect([at(0, "a"), at(1, "b"), at(2, "a"), at(59, "a"), at(62, "b"), at(70, "a")]).toEqual([
    true,
    true,
    false,
    false,
    true,
    false,
  ]);
  expect(at(131, "a")).toBe(true);
});

test("it remembers a thousand, and takes more for news", () => {
  const repeats = new Repeats(() => 0);
  for (let n = 0; n < 1_000; n++) expect(repeats.isNews(`x${n}`)).toBe(true);
  expect([repeats.isNews("x0"), repeats.isNews("y"), repeats.isNews("y")]).toEqual([false, true, true]);
});
