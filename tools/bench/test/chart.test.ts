import { expect, test } from "vitest";
import { chartOf } from "../src/chart.ts";
import type { Series } from "../src/measure.ts";
import { PLANE_CASES } from "../src/workload.ts";

const [unary, , stream] = PLANE_CASES;

function series(subject: string, speeds: number[], benchCase = unary!): Series {
  const samples = speeds.map((perSecond) => ({
    ...{ calls: 1, items: 1, p50Ms: 1, p99Ms: 1, cpuUsPerCall: 1 },
    perSecond,
  }));
  return { benchCase, subject, samples };
}

const widths = (svg: string): number[] =>
  [...svg.matchAll(/<rect x="190" y="\d+" width="([\d.]+)"/g)].map(([, width]) => Number(width));

test("bars are as long as the medians, and the fastest round fills the width", () => {
  const svg = chartOf([series("ours", [50, 100, 150]), series("bare", [200, 200, 200])], { highlighted: [] });
  expect(widths(svg)).toEqual([240, 480]);
  expect(svg).toContain('x1="310.0"');
  expect(svg).toContain('x2="550.0"');
});

test("each case is on a scale of its own, below the one before", () => {
  const svg = chartOf([series("ours", [10]), series("ours", [1e6], stream)], { highlighted: [] });
  expect(widths(svg)).toEqual([480, 480]);
  expect(svg).toContain("unary-1: one call at a time, calls in a second");
  expect(svg).toContain("stream-32: 32 streams of 256 items at a time, items in a second");
  expect(svg).toContain(">1,000,000</text>");
});

test("highlighted subjects have a colour of their own, and names are escaped", () => {
  const svg = chartOf([series("a<b", [1]), series("ours", [1])], { highlighted: ["ours"] });
  expect(svg).toContain("a&lt;b");
  expect([...svg.matchAll(/height="12" fill="(#\w+)"/g)].map(([, color]) => color)).toEqual([
    "#a9b1ba",
    "#2f6fb0",
  ]);
});
