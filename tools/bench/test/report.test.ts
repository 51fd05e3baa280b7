import { expect, test } from "vitest";
import type { Series } from "../src/measure.ts";
import type { MeasuredSample } from "../src/pair.ts";
import { formatReport, rowOf } from "../src/report.ts";
import { PLANE_CASES } from "../src/workload.ts";

const [unary, , stream] = PLANE_CASES;

function series(subject: string, speeds: number[], benchCase = unary!): Series {
  const samples = speeds.map((perSecond, index): MeasuredSample => ({
    calls: 1,
    items: 1,
    perSecond,
    p50Ms: index + 0.12345,
    p99Ms: index + 10,
    cpuUsPerCall: 1e6 / perSecond,
  }));
  return { benchCase, subject, samples };
}

test("a row holds the medians of the rounds and nothing else", () => {
  expect(rowOf(series("ours", [300.4, 100, 200]))).toEqual({
    case: "unary-1",
    subject: "ours",
    perSecond: 200,
    p50Ms: 1.123,
    p99Ms: 11,
    cpuUsPerCall: 5000,
  });
});

test("the table shows median, spread, latencies, processor time, and ratios of each subject to its own base", () => {
  const all = [
    series("ours", [900, 1000, 1200]),
    series("bare", [1800, 2000, 2400]),
    series("other", [450, 500, 600]),
    series("alone", [90, 100, 120]),
  ];
  const rivals = new Map([
    ["ours", "bare"],
    ["alone", "absent"],
  ]);
  const comparisons = [
    { title: "bare", baseOf: (subject: string) => rivals.get(subject) },
    { title: "other", baseOf: () => "other" },
  ];
  expect(formatReport(all, comparisons)).toBe(
    [
      "unary-1 (one call at a time)",
      "subject  calls/s    min..max  p50 ms  p99 ms  vs bare  vs other  cpu us/call  cpu vs bare  cpu vs other",
      "ours        1000   900..1200   1.123  11.000     0.50      2.00         1000         0.50          2.00",
      "bare        2000  1800..2400   1.123  11.000        -      4.00          500            -          4.00",
      "other        500    450..600   1.123  11.000        -         -         2000            -             -",
      "alone        100     90..120   1.123  11.000        -      0.20        10000            -          0.20",
    ].join("\n"),
  );
});

test("each case has a table of its own, with its own unit", () => {
  const text = formatReport([series("ours", [1]), series("ours", [1], stream)], []);
  expect(text.split("\n\n").map((table) => table.split("\n")[0])).toEqual([
    "unary-1 (one call at a time)",
    "stream-32 (32 streams of 256 items at a time)",
  ]);
  expect(text).toContain("calls/s");
  expect(text).toContain("items/s");
});
