import { expect, test } from "vitest";
import type { CpuProfile } from "../src/cpu-profile.ts";
import { flameGraphOf } from "../src/flame-graph.ts";

function node(id: number, functionName: string, children: number[] = []) {
  const url = functionName.startsWith("(") ? "" : "file:///repo/packages/core/src/a.ts";
  return { id, callFrame: { functionName, url, lineNumber: 11 }, children };
}

const PROFILE: CpuProfile = {
  nodes: [node(1, "(root)", [2, 3]), node(2, "(idle)"), node(3, "outer", [4]), node(4, "in<ner")],
  samples: [2, 3, 4, 2],
  // 9 ms idle, 3 ms in outer, 1 ms in what it calls.
  timeDeltas: [0, 9000, 3000, 1000],
};

test("frames are as wide as their share of the time in which the process was not idle", () => {
  const svg = flameGraphOf(PROFILE, "a case");
  expect(
    [...svg.matchAll(/<g><title>([^<]*)<\/title><rect x="([\d.]+)" y="(-\d+)" width="([\d.]+)"/g)].map(
      ([, tip, x, y, width]) => ({ tip, x, y, width }),
    ),
  ).toEqual([
    { tip: "(root): 4.0 ms, 100.0%, 0.0 ms of its own", x: "0.0", y: "-16", width: "1200.0" },
    {
      tip: "outer (packages/core/src/a.ts:12): 4.0 ms, 100.0%, 3.0 ms of its own",
      ...{ x: "0.0", y: "-32", width: "1200.0" },
    },
    {
      tip: "in&lt;ner (packages/core/src/a.ts:12): 1.0 ms, 25.0%, 1.0 ms of its own",
      ...{ x: "0.0", y: "-48", width: "300.0" },
    },
  ]);
  expect(svg).toContain(">a case</text>");
  expect(svg).not.toContain("idle");
});

test("a profile without samples is an empty graph", () => {
  expect(flameGraphOf({ nodes: [node(1, "(root)")], samples: [], timeDeltas: [] }, "nothing")).not.toContain(
    "<title>",
  );
});
