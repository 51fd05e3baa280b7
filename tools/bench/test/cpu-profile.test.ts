import { expect, test } from "vitest";
import { topSelfTimes } from "../src/cpu-profile.ts";
import type { CpuProfile } from "../src/cpu-profile.ts";

function node(id: number, functionName: string, url = "", lineNumber = -1) {
  return { id, callFrame: { functionName, url, lineNumber } };
}

const PROFILE: CpuProfile = {
  nodes: [
    node(1, "(root)"),
    node(2, "(idle)"),
    node(3, "write", "file:///home/me/repo/packages/core/src/a.ts", 11),
    // The same function, called from elsewhere.
    node(4, "write", "file:///home/me/repo/packages/core/src/a.ts", 11),
    node(5, "", "file:///repo/node_modules/.pnpm/x@1/node_modules/x/lib/b.js", 0),
  ],
  samples: [2, 3, 4, 5, 2],
  timeDeltas: [500, 9000, 3000, 3000, 2000],
};

test("self times are summed by function; idle time is no part of the whole", () => {
  expect(topSelfTimes(PROFILE, 9)).toEqual([
    { where: "write (packages/core/src/a.ts:12)", ms: 6, share: 0.75 },
    { where: "(anonymous) (x/lib/b.js:1)", ms: 2, share: 0.25 },
  ]);
});

test("native code without a name is told by its caller", () => {
  const nodes = [{ ...node(1, "utf8Write", "node:internal/buffer", 987), children: [2] }, node(2, "")];
  const [entry] = topSelfTimes({ nodes, samples: [2, 2], timeDeltas: [0, 1000] }, 1);
  expect(entry?.where).toBe("native code below utf8Write (node:internal/buffer:988)");
});

test("only the first are returned", () => {
  expect(topSelfTimes(PROFILE, 1).map(({ ms }) => ms)).toEqual([6]);
  expect(topSelfTimes({ nodes: [], samples: [], timeDeltas: [] }, 5)).toEqual([]);
});
