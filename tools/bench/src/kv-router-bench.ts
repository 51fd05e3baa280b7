/**
 * How fast KV-aware routing is in one process: hashing, taking in events, deciding; and what an index of a
 * million block entries takes. Prints one line for each figure. Where Dynamo's wheel is installed its index gets the
 * same events and prompts, and what it finds must be the same.
 */
import { blockHashes, KvRouter, sequenceHashes } from "@dynamo/kv-router";
import { decodeKvEvents, encodeKvEvents } from "@dynamo/kv-router/wire";
import { perSecond, print, roundsOf } from "./figures.ts";
import { compareWithDynamo } from "./kv-comparison.ts";
import type { Intake } from "./kv-comparison.ts";
import { measureDecisions } from "./kv-decisions.ts";
import { BLOCK_SIZE, fleet, random, randomHashes, WORKERS } from "./kv-fleet.ts";
import type { Fleet } from "./kv-fleet.ts";
import { median } from "./statistics.ts";

const INTAKE_ROUNDS = 3;

function measureHashing(): void {
  for (const [blockSize, length] of [
    [16, 4_096],
    [64, 8_192],
  ] as const) {
    const tokens = Uint32Array.from({ length }, () => random() % 150_000);
    const rounds = 300;
    for (let round = 0; round < 100; round++) sequenceHashes(blockHashes(tokens, blockSize));
    const start = performance.now();
    for (let round = 0; round < rounds; round++) sequenceHashes(blockHashes(tokens, blockSize));
    const microseconds = ((performance.now() - start) / rounds) * 1_000;
    const perBlock = ((microseconds * blockSize) / length).toFixed(2);
    print(
      `hash a prompt of ${length} tokens in blocks of ${blockSize}`,
      `${microseconds.toFixed(0)} us, ${perBlock} us a block`,
    );
  }
}

function newRouter(): KvRouter {
  const router = new KvRouter({ blockSize: BLOCK_SIZE });
  for (let worker = 0; worker < WORKERS; worker++) router.setWorker({ workerId: BigInt(worker) });
  return router;
}

/** Gives milliseconds. */
function takeIn(router: KvRouter, { events }: Fleet): number {
  const start = performance.now();
  for (const event of events) router.events?.apply(event);
  return performance.now() - start;
}

function measureIntake(stored: Fleet): Omit<Intake, "decodedPerSecond"> {
  const router = newRouter();
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  const took = [takeIn(router, stored)];
  globalThis.gc?.();
  const grown = process.memoryUsage.rss() - before;
  for (let round = 1; round < INTAKE_ROUNDS; round++) took.push(takeIn(newRouter(), stored));
  const { size, blockCount, bytes } = router.index;
  print(
    `take in stored blocks, ${size.toLocaleString("en")} entries of ${WORKERS} workers`,
    `${perSecond(size, median(took))}, ${roundsOf(took, size)}`,
  );
  print("different blocks", blockCount.toLocaleString("en"));
  print("memory of the index", `${(bytes / size).toFixed(0)} bytes an entry`);
  print("growth of the process's resident memory meanwhile", `${(grown / size).toFixed(0)} bytes an entry`);
  return { router, blocksPerSecond: (size / median(took)) * 1_000, residentBytesPerEntry: grown / size };
}

/** Single blocks come and go, as they do while tokens are generated and caches are full. */
function measureChurn(router: KvRouter): void {
  const rounds = 400_000;
  const names = randomHashes(rounds);
  const start = performance.now();
  for (let round = 0; round < rounds; round++) {
    const blockHashes = names.subarray(round, round + 1);
    const rank = { workerId: BigInt(round % WORKERS), dpRank: 0, eventId: round };
    router.events?.apply({ ...rank, change: { kind: "stored", blockHashes, tokensHashes: blockHashes } });
    router.events?.apply({ ...rank, change: { kind: "removed", blockHashes } });
  }
  print("store and remove single blocks, an event each", perSecond(rounds * 2, performance.now() - start));
}

/** Gives blocks per second. */
function measureDecoding({ events }: Fleet, entries: number): number {
  const batches = Array.from({ length: Math.ceil(events.length / 16) }, (_, at) =>
    encodeKvEvents(events.slice(at * 16, at * 16 + 16)),
  );
  const took = Array.from({ length: INTAKE_ROUNDS }, () => {
    const router = newRouter();
    const start = performance.now();
    for (const batch of batches) for (const event of decodeKvEvents(batch)) router.events?.apply(event);
    return performance.now() - start;
  });
  print(
    "the same from msgpack, 16 events a message",
    `${perSecond(entries, median(took))}, ${roundsOf(took, entries)}`,
  );
  return (entries / median(took)) * 1_000;
}

measureHashing();
const stored = fleet();
const intake = measureIntake(stored);
await compareWithDynamo(stored, {
  ...intake,
  decodedPerSecond: measureDecoding(stored, intake.router.index.size),
});
process.stdout.write("\n");
measureChurn(intake.router);
for (const [what, prompts] of stored.prompts) measureDecisions(intake.router, what, prompts);
