/**
 * How fast KV-aware routing is in one process: hashing, taking in events, deciding; and what an index of a
 * million block entries takes. Prints one line for each figure.
 */
import { blockHashes, KvRouter, sequenceHashes } from "@dynamo/kv-router";
import type { KvEvent, Prompt } from "@dynamo/kv-router";
import { decodeKvEvents, encodeKvEvents } from "@dynamo/kv-router/wire";
import { percentile } from "./statistics.ts";

const WORKERS = 1_000;
const BLOCKS_PER_WORKER = 1_000;
/** Every worker holds the same first blocks, as of a system prompt, and conversations of its own behind them. */
const SHARED_BLOCKS = 40;
const CONVERSATION_BLOCKS = 24;
const BLOCK_SIZE = 16;
const DECISIONS = 50_000;

let state = 1;
/** Numbers of 32 bits that are the same in every run (xorshift). */
function random(): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
}

function print(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(64)} ${value}\n`);
}

function perSecond(count: number, milliseconds: number): string {
  return `${Math.round((count / milliseconds) * 1_000).toLocaleString("en")}/s`;
}

function randomHashes(count: number): BigUint64Array {
  const words = Uint32Array.from({ length: count * 2 }, random);
  return new BigUint64Array(words.buffer);
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

interface Stored {
  readonly events: KvEvent[];
  readonly prompts: Prompt[];
}

function fleet(): Stored {
  const shared = randomHashes(SHARED_BLOCKS);
  const events: KvEvent[] = [];
  const prompts: Prompt[] = [];
  for (let worker = 0; worker < WORKERS; worker++) {
    const rank = { workerId: BigInt(worker), dpRank: 0 };
    let eventId = 1;
    const stored = (blockHashes: BigUint64Array, parentHash?: bigint): void => {
      const parent = parentHash === undefined ? {} : { parentHash };
      const change = { kind: "stored", ...parent, blockHashes, tokensHashes: blockHashes } as const;
      events.push({ ...rank, eventId: eventId++, change });
    };
    stored(shared);
    for (let held = SHARED_BLOCKS; held < BLOCKS_PER_WORKER; held += CONVERSATION_BLOCKS) {
      const own = randomHashes(CONVERSATION_BLOCKS);
      stored(own, shared.at(-1));
      const whole = new BigUint64Array(SHARED_BLOCKS + CONVERSATION_BLOCKS);
      whole.set(shared);
      whole.set(own, SHARED_BLOCKS);
      prompts.push({ tokens: whole.length * BLOCK_SIZE + 5, blockHashes: whole, sequenceHashes: whole });
    }
  }
  return { events, prompts };
}

function measureIntake({ events }: Stored): KvRouter {
  const router = new KvRouter({ blockSize: BLOCK_SIZE });
  for (let worker = 0; worker < WORKERS; worker++) router.setWorker({ workerId: BigInt(worker) });
  const before = process.memoryUsage();
  const start = performance.now();
  for (const event of events) router.events?.apply(event);
  const took = performance.now() - start;
  const { size, blockCount, bytes } = router.index;
  print(
    `take in stored blocks, ${size.toLocaleString("en")} entries of ${WORKERS} workers`,
    perSecond(size, took),
  );
  const after = process.memoryUsage();
  const grown = after.arrayBuffers - before.arrayBuffers + after.heapUsed - before.heapUsed;
  print("different blocks", blockCount.toLocaleString("en"));
  print("memory of the index", `${(bytes / size).toFixed(0)} bytes an entry`);
  print("growth of the process's memory meanwhile", `${(grown / size).toFixed(0)} bytes an entry`);
  return router;
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

function measureDecoding({ events }: Stored): void {
  const batches = Array.from({ length: 400 }, (_, at) => encodeKvEvents(events.slice(at * 16, at * 16 + 16)));
  const router = new KvRouter({ blockSize: BLOCK_SIZE });
  const start = performance.now();
  for (const batch of batches) for (const event of decodeKvEvents(batch)) router.events?.apply(event);
  print("the same from msgpack", perSecond(router.index.size, performance.now() - start));
}

function measureDecisions(router: KvRouter, prompts: readonly Prompt[]): void {
  const unknown = Array.from({ length: 1_000 }, () => {
    const hashes = randomHashes(SHARED_BLOCKS + CONVERSATION_BLOCKS);
    return { tokens: hashes.length * BLOCK_SIZE, blockHashes: hashes, sequenceHashes: hashes };
  });
  const prefixes = prompts.slice(0, 1).map(({ blockHashes }) => {
    const hashes = blockHashes.slice(0, SHARED_BLOCKS);
    return { tokens: hashes.length * BLOCK_SIZE, blockHashes: hashes, sequenceHashes: hashes };
  });
  decide(router, "a conversation that one worker has", prompts);
  decide(router, "a prompt that all workers have", prefixes);
  decide(router, "a prompt that nobody has", unknown);
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
  const figures = [50, 99]
    .map((percent) => `p${percent} ${percentile(took, percent).toFixed(1)} us`)
    .join(", ");
  print(`decide for ${what}`, figures);
}

measureHashing();
const stored = fleet();
const router = measureIntake(stored);
measureChurn(router);
measureDecoding(stored);
measureDecisions(router, stored.prompts);
