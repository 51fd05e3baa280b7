/**
 * How fast KV-aware routing is in one process: hashing, taking in events, deciding; and what an index of a
 * million block entries takes. Prints one line for each figure. Where Dynamo's wheel is installed its index gets the
 * same events and prompts, and what it finds must be the same.
 */
import { blockHashes, KvRouter, sequenceHashes } from "@dynamo/kv-router";
import type { Prompt } from "@dynamo/kv-router";
import { decodeKvEvents, encodeKvEvents } from "@dynamo/kv-router/wire";
import { DYNAMO_RELEASE, findDynamo, INSTALL_DYNAMO } from "./dynamo-wheel.ts";
import { BLOCK_SIZE, fleet, promptOfHashes, random, randomHashes, WORKERS } from "./kv-fleet.ts";
import type { Fleet } from "./kv-fleet.ts";
import { measureRadixTree } from "./radix-tree.ts";
import type { Matching } from "./radix-tree.ts";
import { percentile } from "./statistics.ts";

const DECISIONS = 50_000;
/** Of each kind, for matching alone. */
const MATCHES = 5_000;

function print(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(64)} ${value}\n`);
}

function perSecond(count: number, milliseconds: number): string {
  return `${Math.round((count / milliseconds) * 1_000).toLocaleString("en")}/s`;
}

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

interface Intake {
  readonly router: KvRouter;
  readonly blocksPerSecond: number;
  readonly residentBytesPerEntry: number;
}

function measureIntake({ events }: Fleet): Intake {
  const router = new KvRouter({ blockSize: BLOCK_SIZE });
  for (let worker = 0; worker < WORKERS; worker++) router.setWorker({ workerId: BigInt(worker) });
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  const start = performance.now();
  for (const event of events) router.events?.apply(event);
  const took = performance.now() - start;
  globalThis.gc?.();
  const grown = process.memoryUsage.rss() - before;
  const { size, blockCount, bytes } = router.index;
  print(
    `take in stored blocks, ${size.toLocaleString("en")} entries of ${WORKERS} workers`,
    perSecond(size, took),
  );
  print("different blocks", blockCount.toLocaleString("en"));
  print("memory of the index", `${(bytes / size).toFixed(0)} bytes an entry`);
  print("growth of the process's resident memory meanwhile", `${(grown / size).toFixed(0)} bytes an entry`);
  return { router, blocksPerSecond: (size / took) * 1_000, residentBytesPerEntry: grown / size };
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
function measureDecoding({ events }: Fleet): number {
  const batches = Array.from({ length: Math.ceil(events.length / 16) }, (_, at) =>
    encodeKvEvents(events.slice(at * 16, at * 16 + 16)),
  );
  const router = new KvRouter({ blockSize: BLOCK_SIZE });
  const start = performance.now();
  for (const batch of batches) for (const event of decodeKvEvents(batch)) router.events?.apply(event);
  const took = performance.now() - start;
  print("the same from msgpack, 16 events a message", perSecond(router.index.size, took));
  return (router.index.size / took) * 1_000;
}

/** Requests stay for a while, so that there is load to look at. */
function decide(router: KvRouter, what: string, prompts: readonly Prompt[]): void {
  const active: Disposable[] = [];
  const took: number[] = [];
  for (let n = 0; n < DECISIONS + DECISIONS / 5; n++) {
    const prompt = prompts[random() % prompts.length] ?? prompts[0];
    if (!prompt) return;
    const start = process.hrtime.bigint();
    const decision = router.preview({ prompt });
    const microseconds = Number(process.hrtime.bigint() - start) / 1_000;
    // Warm first.
    if (n >= DECISIONS / 5) took.push(microseconds);
    if (decision.cost < 0) throw new Error("no cost is below 0");
    if (n % 10 === 0) active.push(router.route({ requestId: String(n), prompt }).active);
    if (active.length > 2_000) active.shift()?.[Symbol.dispose]();
  }
  for (const request of active) request[Symbol.dispose]();
  print(`decide for ${what}`, percentiles(took));
}

function percentiles(took: readonly number[]): string {
  return [50, 99].map((percent) => `p${percent} ${percentile(took, percent).toFixed(1)} us`).join(", ");
}

/** What matching alone looks for. A prompt of no blocks shows what a call takes. */
function matchingPrompts({ prompts }: Fleet): Map<string, BigUint64Array[]> {
  const kinds = [...prompts, ["a prompt without blocks", [promptOfHashes(new BigUint64Array())]]] as const;
  return new Map(
    kinds.map(([what, some]) => {
      const picked = Array.from({ length: MATCHES }, () => some[random() % some.length]?.blockHashes);
      return [what, picked.filter((hashes) => hashes !== undefined)];
    }),
  );
}

/** Matching alone, without costs and choice. */
function measureMatching({ index }: KvRouter, prompts: readonly BigUint64Array[]): Matching {
  const depths = new Int32Array(WORKERS);
  const tookUs: number[] = [];
  let matched = 0;
  for (const hashes of prompts) index.match(hashes, depths);
  for (const hashes of prompts) {
    const start = process.hrtime.bigint();
    index.match(hashes, depths);
    tookUs.push(Number(process.hrtime.bigint() - start) / 1_000);
    for (const depth of depths) matched += depth;
  }
  return { tookUs, matched };
}

async function compare(stored: Fleet, ours: Intake, decodedPerSecond: number): Promise<void> {
  const prompts = matchingPrompts(stored);
  const own = new Map(
    Array.from(prompts, ([what, some]) => [what, measureMatching(ours.router, some)] as const),
  );
  for (const [what, { tookUs }] of own) print(`match ${what}`, percentiles(tookUs));
  const python = await findDynamo();
  if (python === undefined) {
    print(
      `RadixTree of Dynamo ${DYNAMO_RELEASE}`,
      `left out: not installed (\`${INSTALL_DYNAMO}\` installs it)`,
    );
    return;
  }
  const theirs = await measureRadixTree(python, stored.events, [...prompts.values()]);
  process.stdout.write(
    `\nRadixTree of Dynamo ${DYNAMO_RELEASE}, a call from Python for each event and match:\n`,
  );
  const entries = ours.router.index.size;
  const rate = (entries / theirs.applyMs) * 1_000;
  print("take in the same stored blocks from JSON", perSecond(entries, theirs.applyMs));
  print("  blocks per second, ours from objects to theirs", times(ours.blocksPerSecond / rate));
  print("  blocks per second, ours from msgpack to theirs", times(decodedPerSecond / rate));
  const bytes = theirs.grownBytes / entries;
  print("growth of the process's resident memory meanwhile", `${bytes.toFixed(0)} bytes an entry`);
  print("  bytes an entry, theirs to ours", times(bytes / ours.residentBytesPerEntry));
  for (const [at, [what, { tookUs, matched }]] of [...own].entries()) {
    const their = theirs.matchings[at];
    if (their?.matched !== matched)
      throw new Error(`${what}: ${matched} blocks here, ${String(their?.matched)} there`);
    print(`match ${what}`, percentiles(their.tookUs));
    const ratio = (percent: number): string =>
      `p${percent} ${times(percentile(their.tookUs, percent) / percentile(tookUs, percent))}`;
    print("  time, theirs to ours", `${ratio(50)}, ${ratio(99)}`);
  }
}

function times(ratio: number): string {
  return `${ratio.toFixed(2)} times`;
}

measureHashing();
const stored = fleet();
const intake = measureIntake(stored);
const decodedPerSecond = measureDecoding(stored);
await compare(stored, intake, decodedPerSecond);
process.stdout.write("\n");
measureChurn(intake.router);
for (const [what, prompts] of stored.prompts) decide(intake.router, what, prompts);
