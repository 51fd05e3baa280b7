import { expect, test } from "vitest";
import { PrefixIndex } from "../src/index/prefix-index.ts";
import type { KvChange, KvEvent } from "../src/kv-event.ts";
import { WorkerSlots } from "../src/worker-slots.ts";
import { PlainIndex } from "./support/plain-index.ts";
import { seeded } from "@dynamo/test-support/random";

const SEQUENCES = 100_000;
const WORKERS = 3;
const RANKS = 2;

/**
 * Events as bad as they come: few names and few hashes, so that blocks are stored twice, elsewhere and under
 * other names, parents are unknown, and middles go before ends.
 */
class Chaos {
  readonly #random: () => number;
  readonly #names: number;

  constructor(random: () => number) {
    this.#random = random;
    this.#names = 4 + Math.floor(random() * 12);
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  event(): KvEvent {
    return {
      workerId: BigInt(this.below(WORKERS)),
      dpRank: this.below(RANKS),
      eventId: 0,
      change: this.#change(),
    };
  }

  sequence(): BigUint64Array {
    return BigUint64Array.from({ length: this.below(6) }, () => BigInt(this.below(3)));
  }

  #change(): KvChange {
    const kind = this.below(100);
    if (kind < 2) return { kind: "cleared" };
    const blockHashes = BigUint64Array.from({ length: 1 + this.below(4) }, () => this.#name());
    if (kind < 35) return { kind: "removed", blockHashes };
    const tokensHashes = BigUint64Array.from(blockHashes, () => BigInt(this.below(3)));
    const parent = this.below(2) === 0 ? { parentHash: this.#name() } : {};
    return { kind: "stored", ...parent, blockHashes, tokensHashes };
  }

  #name(): bigint {
    return BigInt(this.below(this.#names));
  }
}

test(`${SEQUENCES} random sequences of events leave the index as a plain one`, () => {
  for (let seed = 0; seed < SEQUENCES; seed++) {
    const chaos = new Chaos(seeded(seed));
    const slots = new WorkerSlots();
    const index = new PrefixIndex(slots);
    const plain = new PlainIndex();
    const events = Array.from({ length: 1 + chaos.below(20) }, () => chaos.event());
    for (const event of events) {
      index.apply(event);
      plain.apply(event);
    }
    const queries = Array.from({ length: 3 }, () => chaos.sequence());
    if (index.size !== plain.size) throw new Error(`seed ${seed}: ${index.size} blocks, not ${plain.size}`);
    compare(index, slots, plain, { queries, seed });
    if (seed % 20 === 0) compare(...copyOf(index), plain, { queries, seed });
    if (seed % 20 === 1) expectNothingLeft(index, slots);
  }
});

/** Many ranks on the same nodes, so that sets of members become rows of bits and lists again. */
test("crowded nodes answer as a plain index", () => {
  const random = seeded(7);
  const below = (limit: number): number => Math.floor(random() * limit);
  const slots = new WorkerSlots();
  const index = new PrefixIndex(slots);
  const plain = new PlainIndex();
  for (let step = 0; step < 30_000; step++) {
    const workerId = BigInt(below(step < 15_000 ? 40 : 90));
    const name = (tokens: number[]): bigint => BigInt(tokens.reduce((sum, token) => sum * 3 + token + 1, 0));
    const path = Array.from({ length: 1 + below(4) }, () => below(2));
    const names = BigUint64Array.from(path, (_, at) => name(path.slice(0, at + 1)));
    const event: KvEvent = {
      workerId,
      dpRank: 0,
      eventId: 0,
      change:
        below(100) < 52
          ? { kind: "stored", blockHashes: names, tokensHashes: BigUint64Array.from(path, BigInt) }
          : { kind: "removed", blockHashes: names.subarray(below(path.length)) },
    };
    index.apply(event);
    plain.apply(event);
    if (step % 10 === 0) {
      const query = BigUint64Array.from({ length: 4 }, () => BigInt(below(2)));
      compare(index, slots, plain, { queries: [query], seed: step });
    }
  }
});

/** Nodes with the same members but for one now and then: what was found equal before must not be taken for equal. */
test("a common prompt that single workers lose and get back answers as a plain index", () => {
  const random = seeded(11);
  const below = (limit: number): number => Math.floor(random() * limit);
  const slots = new WorkerSlots();
  const index = new PrefixIndex(slots);
  const plain = new PlainIndex();
  const chain = BigUint64Array.of(1n, 2n, 3n, 4n);
  const apply = (worker: number, change: KvChange): void => {
    const event = { workerId: BigInt(worker), dpRank: 0, eventId: 0, change };
    index.apply(event);
    plain.apply(event);
  };
  const whole = { kind: "stored", blockHashes: chain, tokensHashes: chain } as const;
  for (let worker = 0; worker < 70; worker++) apply(worker, whole);
  for (let step = 0; step < 5_000; step++) {
    const worker = below(70);
    const at = below(4);
    const start = chain.subarray(0, 1 + at);
    const kind = below(9);
    if (kind < 3) apply(worker, { kind: "stored", blockHashes: start, tokensHashes: start });
    else if (kind < 5) apply(worker, { kind: "removed", blockHashes: chain.subarray(at, at + 1 + below(3)) });
    else for (let all = worker; all < worker + 30; all++) apply(all % 70, whole);
    compare(index, slots, plain, { queries: [chain, chain.subarray(0, 3)], seed: step });
  }
});

function compare(
  index: PrefixIndex,
  slots: WorkerSlots,
  plain: PlainIndex,
  { queries, seed }: { queries: BigUint64Array[]; seed: number },
): void {
  const depths = new Int32Array(slots.limit);
  for (const query of queries) {
    index.match(query, depths);
    for (const [slot, depth] of depths.entries()) {
      const rank = slots.at(slot);
      const expected = rank ? plain.depth(rank.workerId, rank.dpRank, query) : 0;
      if (depth !== expected)
        throw new Error(`seed ${seed}: ${depth} blocks of ${String(query)}, not ${expected}`);
    }
  }
}

function copyOf(index: PrefixIndex): [PrefixIndex, WorkerSlots] {
  const slots = new WorkerSlots();
  const copy = new PrefixIndex(slots);
  for (const event of index.dump()) expect(copy.apply(event)).toBe("applied");
  return [copy, slots];
}

function expectNothingLeft(index: PrefixIndex, slots: WorkerSlots): void {
  for (let slot = 0; slot < slots.limit; slot++) index.clear(slot);
  expect([index.size, index.blockCount]).toEqual([0, 0]);
}
