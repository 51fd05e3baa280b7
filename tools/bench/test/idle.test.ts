import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { formatIdle, idleRowOf, measureIdle } from "../src/idle.ts";
import type { IdleStreams } from "../src/idle.ts";
import { Pair } from "../src/pair.ts";
import { IDLE_SUBJECTS } from "../src/subjects.ts";
import { bareHttp2Inband } from "../src/subjects/bare-http2-inband.ts";
import { PLANE_CASES } from "../src/workload.ts";

const MEBIBYTE = 1024 * 1024;

const IDLE: IdleStreams = {
  subject: "ours",
  streams: 10,
  sample: { calls: 10, items: 10, perSecond: 99.6, p50Ms: 1.23456, p99Ms: 2 },
  bytes: { client: 70 * MEBIBYTE, server: 60 * MEBIBYTE },
  bytesPerStream: { client: 1000.4, server: 2000.6 },
};

test.each(IDLE_SUBJECTS)(
  "answers of $name are held open, left, and do no harm to what follows",
  async (subject) => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "dynamo-bench-test-"));
    await using pair = await Pair.start(subject, { discoveryRoot: folder.path });
    expect(await pair.hold(50)).toMatchObject({ calls: 50, items: 50 });
    expect(await pair.hold(70)).toMatchObject({ calls: 20 });
    expect(await pair.hold(0)).toMatchObject({ calls: 0 });
    expect(await pair.run(PLANE_CASES[0]!, { calls: 5 })).toMatchObject({ calls: 5 });
  },
);

test("memory is measured on both sides of open streams", async () => {
  const [, subject] = IDLE_SUBJECTS;
  const idle = await measureIdle(subject!, 30, { discoveryRoot: tmpdir() });
  expect(idle).toMatchObject({ subject: subject!.name, streams: 30, sample: { calls: 30 } });
  expect(idle.bytes.client).toBeGreaterThan(MEBIBYTE);
  expect(idle.bytes.server).toBeGreaterThan(MEBIBYTE);
  // Where 30 streams change nothing that the system counts, it is 0, and a collection may even gain something.
  expect(Object.values(idle.bytesPerStream).every(Number.isFinite)).toBe(true);
});

test("a subject that can't hold answers open says so", async () => {
  await using pair = await Pair.start(bareHttp2Inband, { discoveryRoot: tmpdir() });
  await expect(pair.hold(1)).rejects.toThrow("can't hold answers open");
});

test("the row has what every row has, and memory for each stream", () => {
  expect(idleRowOf(IDLE)).toEqual({
    case: "idle-10",
    subject: "ours",
    perSecond: 100,
    p50Ms: 1.235,
    p99Ms: 2,
    clientBytesPerStream: 1000,
    serverBytesPerStream: 2001,
  });
});

test("the table shows memory for each stream, and all of it", () => {
  expect(formatIdle([IDLE])).toBe(
    [
      "idle (memory of 10 open streams)",
      "subject  opened/s  client B/stream  server B/stream  client MiB  server MiB",
      "ours          100             1000             2001          70          60",
    ].join("\n"),
  );
});
