import { expect, test } from "vitest";
import { ApproximateIndex } from "../src/index/approximate-index.ts";
import { WorkerSlots } from "../src/worker-slots.ts";
import { overlaps } from "./support/events.ts";
import { seeded } from "@dynamo/test-support/random";
import { hashes } from "./support/recorded.ts";

function emptyIndex(limits: { ttlMs?: number; maxBlocks?: number } = {}) {
  const clock = { now: 5_000 };
  const slots = new WorkerSlots();
  const index = new ApproximateIndex({ ...limits, now: () => clock.now });
  const send = (worker: number, tokens: number[]): void => {
    const names = tokens.map((_, at) => tokens.slice(0, at + 1).reduce((sum, token) => sum * 100 + token, 0));
    index.record(slots.take(BigInt(worker), 0), hashes(...tokens), hashes(...names));
  };
  return { clock, index, slots, send, find: (...tokens: number[]) => overlaps(index, slots, tokens) };
}

test("what was sent counts as cached until its time is over", () => {
  const { clock, index, send, find } = emptyIndex({ ttlMs: 1_000 });
  send(1, [1, 2, 3]);
  clock.now += 600;
  send(1, [1, 2]);
  expect(find(1, 2, 3)).toEqual({ "1/0": 3 });
  clock.now += 500;
  expect(find(1, 2, 3)).toEqual({ "1/0": 2 });
  clock.now += 600;
  expect(find(1, 2, 3)).toEqual({});
  expect([index.size, index.blockCount]).toEqual([0, 0]);
});

test("when there is too much, what was used longest ago goes, the ends of sequences first", () => {
  const { index, send, find } = emptyIndex({ maxBlocks: 5 });
  send(1, [1, 2, 3]);
  send(2, [4, 5, 6]);
  expect(find(1, 2, 3)).toEqual({ "1/0": 2 });
  expect(find(4, 5, 6)).toEqual({ "2/0": 3 });
  send(2, [7, 8, 9, 10, 11, 12, 13]);
  expect(find(7, 8, 9, 10, 11, 12, 13)).toEqual({ "2/0": 5 });
  expect(index.size).toBe(5);
});

test("a worker that goes takes its blocks along", () => {
  const { index, slots, send, find } = emptyIndex();
  send(1, [1, 2]);
  send(2, [1, 2]);
  index.clear(slots.take(1n, 0));
  expect(find(1, 2)).toEqual({ "2/0": 2 });
  send(1, [1]);
  expect(find(1, 2)).toEqual({ "1/0": 1, "2/0": 2 });
});

test("random use leaves what a plain list of times says", () => {
  const random = seeded(3);
  const below = (limit: number): number => Math.floor(random() * limit);
  const { clock, index, send, slots } = emptyIndex({ ttlMs: 500 });
  /** When each block was last used, by its worker and path. */
  const used = new Map<string, number>();
  for (let step = 0; step < 20_000; step++) {
    clock.now += below(3) * 100;
    const worker = below(3);
    const path = Array.from({ length: 1 + below(4) }, () => 1 + below(3));
    if (below(50) === 0) {
      index.clear(slots.take(BigInt(worker), 0));
      for (const key of used.keys()) if (key.startsWith(`${worker}:`)) used.delete(key);
    }
    send(worker, path);
    for (const [at] of path.entries()) used.set(`${worker}:${path.slice(0, at + 1).join()}`, clock.now);
    for (const [key, time] of used) if (time <= clock.now - 500) used.delete(key);
    expect(index.size).toBe(used.size);
  }
});
