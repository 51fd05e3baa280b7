import { expect, test } from "vitest";
import { PrefixIndex } from "../src/index/prefix-index.ts";
import type { KvEvent } from "../src/kv-event.ts";
import { WorkerSlots } from "../src/worker-slots.ts";
import { cleared, overlaps, removed, stored } from "./support/events.ts";
import { hashes, indexSteps } from "./support/recorded.ts";
import type { IndexStep } from "./support/recorded.ts";

function emptyIndex(clearedScope: "rank" | "worker" = "rank") {
  const slots = new WorkerSlots();
  const index = new PrefixIndex(slots, { clearedScope });
  return { slots, index, find: (...tokens: number[]) => overlaps(index, slots, tokens) };
}

test("counts what each worker holds from the first block on", () => {
  const { index, find } = emptyIndex();
  index.apply(stored(1, [1, 2, 3, 4]));
  index.apply(stored(2, [1, 2]));
  index.apply(stored(2, [8], { parent: 2 }));
  expect(find(1, 2, 3, 9)).toEqual({ "1/0": 3, "2/0": 2 });
  expect(find(1, 2, 8)).toEqual({ "1/0": 2, "2/0": 3 });
  expect(find(2, 3)).toEqual({});
  expect(find()).toEqual({});
});

test("what is behind a gap counts for nothing until the gap is filled", () => {
  const { index, find } = emptyIndex();
  index.apply(stored(1, [1, 2, 3, 4]));
  index.apply(removed(1, [2]));
  expect(find(1, 2, 3, 4)).toEqual({ "1/0": 1 });
  index.apply(stored(1, [2], { parent: 1 }));
  expect(find(1, 2, 3, 4)).toEqual({ "1/0": 4 });
});

test("a block after one that is not known for the rank is refused", () => {
  const { index, find } = emptyIndex();
  index.apply(stored(1, [1]));
  expect(index.apply(stored(1, [3], { parent: 2 }))).toBe("unknown_parent");
  expect(index.apply(stored(1, [2], { parent: 1, dpRank: 1 }))).toBe("unknown_parent");
  expect(find(1, 2)).toEqual({ "1/0": 1 });
  expect(index.size).toBe(1);
});

test("blocks that are there go even if others to remove are not", () => {
  const { index, find } = emptyIndex();
  index.apply(stored(1, [1, 2]));
  expect(index.apply(removed(1, [7, 2]))).toBe("unknown_block");
  expect(index.apply(removed(3, [7]))).toBe("unknown_block");
  expect(find(1, 2)).toEqual({ "1/0": 1 });
});

test("cleared is about a rank, or about the worker as in 0.7", () => {
  for (const [scope, left] of [
    ["rank", { "1/1": 2 }],
    ["worker", {}],
  ] as const) {
    const { index, find } = emptyIndex(scope);
    index.apply(stored(1, [1, 2]));
    index.apply(stored(1, [1, 2], { dpRank: 1 }));
    index.apply(cleared(1));
    expect(find(1, 2)).toEqual(left);
  }
});

test("blocks outside of the GPU's memory are left alone", () => {
  const { index, find } = emptyIndex();
  expect(index.apply({ ...stored(1, [1]), storageTier: "host_pinned" })).toBe("other_tier");
  index.apply({ ...stored(1, [1]), storageTier: "device" });
  index.apply({ ...removed(1, [1]), storageTier: "host_pinned" });
  expect(find(1)).toEqual({ "1/0": 1 });
});

test("nothing is left when everything is gone", () => {
  const { index } = emptyIndex();
  for (let worker = 0; worker < 40; worker++) index.apply(stored(worker, [1, 2, 3, 100 + worker]));
  expect(index.blockCount).toBe(43);
  for (let worker = 0; worker < 20; worker++) index.apply(removed(worker, [100 + worker, 3, 2, 1]));
  for (let worker = 20; worker < 40; worker++) index.apply(cleared(worker));
  expect([index.size, index.blockCount]).toEqual([0, 0]);
});

test("a prompt that hundreds of workers share is matched on all of them", () => {
  const { index, find } = emptyIndex();
  for (let worker = 0; worker < 300; worker++)
    index.apply(stored(worker, [1, 2, 3, 4].slice(0, 1 + (worker % 4))));
  const found = find(1, 2, 3, 4);
  for (let worker = 0; worker < 300; worker++) expect(found[`${worker}/0`]).toBe(1 + (worker % 4));
});

test("a dump brings another index to the same state", () => {
  const { index, slots, find } = emptyIndex();
  index.apply(stored(1, [1, 2, 3]));
  index.apply(stored(1, [4, 5], { parent: 2 }));
  index.apply(stored(2, [1, 2, 3, 4], { dpRank: 1 }));
  index.apply(removed(2, [2], { dpRank: 1 }));
  const copy = emptyIndex();
  const dump = [...index.dump()];
  for (const event of dump) expect(copy.index.apply(event)).toBe("applied");
  for (const query of [[1, 2, 3], [1, 2, 4, 5], [1]]) expect(copy.find(...query)).toEqual(find(...query));
  // Ids count from 1 for each rank; blocks behind a gap are not in it.
  expect(dump.map(({ workerId, dpRank, eventId }) => [workerId, dpRank, eventId])).toEqual([
    [1n, 0, 1],
    [1n, 0, 2],
    [2n, 1, 1],
  ]);
  expect([...index.dump([{ workerId: 2n, dpRank: 1 }])]).toHaveLength(1);
  expect(slots.limit).toBe(2);
});

test.each(["0.7.1", "1.6.1"] as const)("answers as the index of Dynamo %s does", (release) => {
  const { index, slots } = emptyIndex(release === "0.7.1" ? "worker" : "rank");
  const steps = indexSteps(release);
  for (const step of steps) {
    if (!step.query) {
      expect(index.apply(eventOf(step))).toBe("applied");
      continue;
    }
    const expected = step.overlap?.map(([worker, rank, blocks]) => [`${worker}/${rank}`, blocks]) ?? [];
    expect(overlaps(index, slots, step.query)).toEqual(Object.fromEntries(expected));
  }
  expect(steps.filter(({ query }) => query).length).toBeGreaterThan(35);
});

function eventOf({ worker_id = 0, dp_rank = 0, event_id = 0, data }: IndexStep): KvEvent {
  const common = { workerId: BigInt(worker_id), dpRank: dp_rank, eventId: event_id };
  if (data === "cleared" || data === undefined) return { ...common, change: { kind: "cleared" } };
  if (data.removed) return { ...common, change: { kind: "removed", blockHashes: hashes(...data.removed) } };
  const { parent_hash = null, blocks = [] } = data.stored ?? {};
  return {
    ...common,
    change: {
      kind: "stored",
      ...(parent_hash !== null && { parentHash: BigInt(parent_hash) }),
      blockHashes: hashes(...blocks.map(([name]) => name)),
      tokensHashes: hashes(...blocks.map(([, tokens]) => tokens)),
    },
  };
}
