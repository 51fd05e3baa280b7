import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasNatsServer } from "@dynamo/nats-server";
import { describe, expect, test } from "vitest";
import { prepareDynamo } from "../src/dynamo-wheel.ts";
import { prepareNats } from "../src/nats.ts";
import { Pair } from "../src/pair.ts";
import type { Subject } from "../src/subject.ts";
import { callHome } from "../src/subjects/call-home.ts";
import { GROUPS } from "../src/subjects.ts";
import { itemAt, PLANE_CASES, requestFor } from "../src/workload.ts";

const CALLS = 40;

const hasNats = await hasNatsServer();

test("the request has 1 KiB, whatever it asks for, and an item is as large as a chunk of a chat", () => {
  for (const benchCase of PLANE_CASES) expect(JSON.stringify(requestFor(benchCase))).toHaveLength(1024);
  expect(JSON.stringify(itemAt(0))).toHaveLength(67);
  expect(JSON.stringify(itemAt(255))).toHaveLength(69);
});

const dynamo = await prepareDynamo(
  GROUPS.flatMap(({ subjects }) => subjects),
  () => undefined,
);
// Each needs something that not every machine has: a nats-server, or Dynamo, which is large and never fetched here.
const canRun = ({ needs }: Subject): boolean =>
  needs === "nats" ? hasNats : needs === "dynamo" ? dynamo.dynamoPython !== undefined : true;
const ALL = GROUPS.flatMap(({ cases, subjects }) => subjects.map((subject) => ({ subject, cases })));

describe.each(ALL)("$subject.name", ({ subject, cases }) => {
  test.skipIf(!canRun(subject))(
    "every item of every call arrives, and both processes are gone afterwards",
    async () => {
      await using folder = await mkdtempDisposable(join(tmpdir(), "dynamo-bench-test-"));
      await using prepared = await prepareNats([subject], { report: () => undefined });
      const { natsUrl } = prepared;
      const { dynamoPython } = dynamo;
      const pair = await Pair.start(subject, { discoveryRoot: folder.path, natsUrl, dynamoPython });
      try {
        for (const benchCase of cases) {
          const { calls, items, p50Ms, p99Ms } = await pair.run(benchCase, { calls: CALLS });
          expect({ calls, items }).toEqual({ calls: CALLS, items: CALLS * benchCase.items });
          expect(p50Ms).toBeGreaterThan(0);
          expect(p99Ms).toBeGreaterThanOrEqual(p50Ms);
        }
        expect(pair.pids.map(isAlive)).toEqual([true, true]);
      } finally {
        await pair[Symbol.asyncDispose]();
      }
      expect(pair.pids.map(isAlive)).toEqual([false, false]);
    },
  );
});

test("a pair that was killed says so, and what it was asked for rejects", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "dynamo-bench-test-"));
  const interruption = new AbortController();
  const options = { discoveryRoot: folder.path, signal: interruption.signal };
  await using pair = await Pair.start(callHome, options);
  const round = pair.run(PLANE_CASES[0]!, { ms: 60_000 });
  interruption.abort();
  await expect(round).rejects.toThrow(/^(client|server) of call-home ended with SIGKILL$/);
});

test("a server that can't start is reported with its reason", async () => {
  const serverProgram = new URL("failing-server.ts", import.meta.url);
  const start = Pair.start({ ...callHome, serverProgram }, { discoveryRoot: tmpdir() });
  await expect(start).rejects.toThrow("server of call-home: no port is good enough");
});

function isAlive(pid: number | undefined): boolean {
  try {
    return process.kill(pid!, 0);
  } catch {
    return false;
  }
}
