import { expect, test } from "vitest";
import { Summary } from "../src/summary.ts";

function totalOf(lines: string[]) {
  const summary = new Summary();
  for (const line of lines) summary.add(line);
  return summary.total;
}

test("adds up what the packages report", () => {
  const total = totalOf([
    "@dynamo/a:test:  Test Files  2 passed (2)",
    "@dynamo/a:test:       Tests  12 passed (12)",
    "@dynamo/b:test:  Test Files  1 failed | 2 passed (3)",
    "@dynamo/b:test:       Tests  2 failed | 5 passed | 1 skipped (8)",
  ]);
  expect(total).toEqual({ passed: 17, failed: 2 });
});

test("counts a file that could not be loaded", () => {
  const total = totalOf([
    "@dynamo/a:test:  Test Files  1 failed (1)",
    "@dynamo/a:test:       Tests  no tests",
    "@dynamo/b:test:  Test Files  1 passed (1)",
    "@dynamo/b:test:       Tests  3 passed (3)",
  ]);
  expect(total).toEqual({ passed: 3, failed: 1 });
});

test("counts a package without tests", () => {
  expect(totalOf(["@dynamo/a:test: No test files found, exiting with code 1"])).toEqual({
    passed: 0,
    failed: 1,
  });
});

test("names what failed, each once", () => {
  const summary = new Summary();
  const line = "@dynamo/a:test:  FAIL  test/slug.test.ts > a slug > is short";
  for (const text of [line, "@dynamo/b:test: prints FAIL  in between", line]) summary.add(text);
  expect(summary.failures).toEqual(["@dynamo/a: test/slug.test.ts > a slug > is short"]);
});

test("names what passed at its second try, and counts it as passed", () => {
  const summary = new Summary();
  summary.add("@dynamo/a:test: SECOND TRY  test/slug.test.ts > a slug is short");
  summary.add("@dynamo/a:test:       Tests  12 passed (12)");
  expect(summary.secondTries).toEqual(["@dynamo/a: test/slug.test.ts > a slug is short"]);
  expect(summary.failures).toEqual([]);
  expect(summary.total).toEqual({ passed: 12, failed: 0 });
});

test("reads through colours", () => {
  const line =
    "\u001B[35m@dynamo/a:test: \u001B[0m\u001B[2m      Tests \u001B[22m \u001B[1m\u001B[32m4 passed\u001B[39m (4)";
  expect(totalOf([line])).toEqual({ passed: 4, failed: 0 });
});

test("ignores everything else, also what tests print themselves", () => {
  expect(totalOf(["@dynamo/a:lint: Tests  3 passed (3)", "Tests  3 passed (3)", "@dynamo/a:test: ok"])).toBe(
    undefined,
  );
});
