import { expect, test } from "vitest";
import type { Series } from "../src/measure.ts";
import { markdownTable, pageOf } from "../src/page.ts";
import type { Results } from "../src/page.ts";
import { PLANES } from "../src/subjects.ts";
import { callHome } from "../src/subjects/call-home.ts";
import { dynamoTcpCallHome } from "../src/subjects/dynamo.ts";
import { measuredVersions } from "../src/versions.ts";
import { PLANE_CASES } from "../src/workload.ts";

const [unary] = PLANE_CASES;

function series(subject: string, perSecond: number): Series {
  const sample = { calls: 1, items: 1, perSecond, p50Ms: 1, p99Ms: 2, cpuUsPerCall: 3 };
  return { benchCase: unary!, subject, samples: [sample] };
}

const RESULTS: Results = {
  measured: [
    {
      group: { ...PLANES, subjects: [dynamoTcpCallHome, callHome], bases: [] },
      series: [series("dynamo-tcp-callhome", 500), series("call-home", 1000)],
    },
  ],
  idle: [],
};
const FACTS = {
  date: "2026-11-24",
  machine: "a machine",
  versions: ["x 1.2.3"],
  plan: { rounds: 5, roundMs: 1500, warmUpMs: 4000 },
  missing: ["dynamo-python"],
};

test("the page says on what, when, with what and how it was measured", () => {
  const page = pageOf(RESULTS, FACTS);
  expect(page).toContain("Measured on 2026-11-24: a machine.\nWith x 1.2.3.");
  expect(page).toContain("Left out, since they were not there: dynamo-python.");
  expect(page).toContain("5 rounds of 1.5 s each, after 4 s of warm-up");
  expect(page).toContain(`- \`call-home\`: ${callHome.what}.`);
  expect(page).toContain("](benchmarks.svg)");
});

test("each case has a table with ratios; without memory there is no section of it", () => {
  const page = pageOf(RESULTS, FACTS);
  expect(page).toContain("### unary-1: one call at a time");
  expect(page).toContain(
    "| dynamo-tcp-callhome |     500 |   500..500 |  1.000 |  2.000 |     0.50 |           3 |         1.00 |",
  );
  expect(page).not.toContain("Memory");
});

test("a table is set as prettier sets it", () => {
  expect(
    markdownTable([
      ["a", "longer"],
      ["bbbb", "1"],
    ]),
  ).toBe(["| a    | longer |", "| ---- | -----: |", "| bbbb |      1 |"].join("\n"));
});

test("versions are those that are installed, and Dynamo's when it was measured", async () => {
  const versions = await measuredVersions([callHome]);
  expect(versions).toContainEqual(expect.stringMatching(/^@grpc\/grpc-js \d+\.\d+\.\d+$/));
  expect(versions.join()).not.toContain("Dynamo");
  expect(await measuredVersions(PLANES.subjects)).toContainEqual(expect.stringMatching(/^Dynamo \d/));
});
