import { expect, test } from "vitest";
import type { Series } from "../src/measure.ts";
import type { MeasuredSample } from "../src/pair.ts";
import { formatReport, rowOf } from "../src/report.ts";
import { CASES } from "../src/workload.ts";

const [unary, , stream] = CASES;

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

test("the table shows median, spread, latencies, processor time and ratios to the bases", () => {
  const all = [series("ours", [900, 1000, 1200]), series("bare", [1800, 2000, 2400])];
  expect(formatReport(all, ["bare", "absent"])).toBe(
    [
      "unary-1 (one call at a time)",
      "subject  calls/s    min..max  p50 ms  p99 ms  x bare  cpu us/call  cpu x bare",
      "ours        1000   900..1200   1.123  11.000    0.50         1000        0.50",
      "bare        2000  1800..2400   1.123  11.000    1.00          500        1.00",
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
