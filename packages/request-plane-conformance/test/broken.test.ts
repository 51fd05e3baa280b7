import { describe, expect, it } from "vitest";
import { CASES, runConformance } from "../src/index.ts";
import type { ConformanceCase, Group } from "../src/index.ts";
import { BROKEN_CLIENTS } from "./broken/clients.ts";
import { BROKEN_RESPONSES } from "./broken/responses.ts";
import { BROKEN_SERVERS } from "./broken/servers.ts";

const BROKEN = [...BROKEN_CLIENTS, ...BROKEN_SERVERS, ...BROKEN_RESPONSES];

function caseOf([group, name]: readonly [Group, string]): ConformanceCase {
  const found = CASES.find((testCase) => testCase.group === group && testCase.name === name);
  if (!found) throw new Error(`The kit has no case '${name}' in ${group}`);
  return found;
}

describe("a transport that", () => {
  it.concurrent.each(BROKEN)("$fault is caught", async ({ factory, caughtBy, passes = [] }) => {
    const cases = [...caughtBy, ...passes].map(caseOf);
    const { results } = await runConformance({ factory, cases, caseTimeoutMs: 5_000 });
    const expected = [...caughtBy.map(() => "failed"), ...passes.map(() => "passed")];
    expect(results.map(({ name, status }) => [name, status])).toEqual(
      cases.map(({ name }, i) => [name, expected[i]]),
    );
  });
});

describe("the broken transports", () => {
  it("leave no group of the kit unproved", () => {
    const caught = new Set(BROKEN.flatMap(({ caughtBy }) => caughtBy.map(([group]) => group)));
    expect(new Set(CASES.map(({ group }) => group))).toEqual(caught);
  });
});
