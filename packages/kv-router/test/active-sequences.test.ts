import { expect, test, vi } from "vitest";
import { ActiveSequences } from "../src/load/active-sequences.ts";
import type { ActiveRequest } from "../src/load/active-request.ts";
import type { SequenceEvent } from "../src/load/sequence-event.ts";
import { WorkerSlots } from "../src/worker-slots.ts";
import { seeded } from "@dynamo/test-support/random";
import { hashes } from "./support/recorded.ts";

function fixture() {
  const clock = { now: 0 };
  const slots = new WorkerSlots();
  const onEvent = vi.fn<(event: SequenceEvent) => void>();
  const active = new ActiveSequences(slots, {
    routerId: 7n,
    staleAfterMs: 1_000,
    now: () => clock.now,
    onEvent,
  });
  const slot = slots.take(1n, 0);
  const request = (requestId: string, ...blocks: number[]) => ({
    requestId,
    sequenceHashes: hashes(...blocks),
    prefillTokens: 10 * blocks.length,
  });
  const load = (of = slot) => [active.requests(of), active.prefillTokens(of), active.blocks(of)];
  return {
    clock,
    slots,
    slot,
    active,
    request,
    load,
    onEvent,
    events: () => onEvent.mock.calls.map(([e]) => e),
  };
}

test("a request counts until it is released, and blocks that are shared count once", () => {
  const { active, slot, request, load } = fixture();
  const first = active.add(slot, request("a", 1, 2, 3));
  const second = active.add(slot, request("b", 1, 2, 4));
  expect(load()).toEqual([2, 60, 4]);
  first.prefillCompleted();
  first.prefillCompleted();
  expect(load()).toEqual([2, 30, 4]);
  first.release();
  first.release();
  expect(load()).toEqual([1, 30, 3]);
  const shared = new Int32Array(1);
  active.match(hashes(1, 2, 3), shared);
  expect(shared[0]).toBe(2);
  second.release();
  expect([...load(), active.size]).toEqual([0, 0, 0, 0]);
});

test("`using` releases it whatever happens", () => {
  const { active, slot, request, load } = fixture();
  expect(() => {
    using _active = active.add(slot, request("a", 1));
    throw new Error("stream broke");
  }).toThrow("stream broke");
  expect(load()).toEqual([0, 0, 0]);
});

test("a request that moves to another worker leaves the first, and its old handle does nothing", () => {
  const { active, slots, slot, request, load } = fixture();
  const other = slots.take(2n, 0);
  const before = active.add(slot, request("a", 1, 2));
  const after = active.add(other, request("a", 1, 2));
  before.prefillCompleted();
  before.release();
  expect(load(slot)).toEqual([0, 0, 0]);
  expect(load(other)).toEqual([1, 20, 2]);
  expect([before.isReleased, after.isReleased]).toEqual([true, false]);
});

test("what nobody releases ends when it is stale", () => {
  const { clock, active, slot, request, load } = fixture();
  active.add(slot, request("a", 1));
  clock.now = 600;
  active.add(slot, request("b", 1, 2));
  clock.now = 1_000;
  active.sweep();
  expect(load()).toEqual([1, 20, 2]);
  clock.now = 1_600;
  active.sweep();
  expect(load()).toEqual([0, 0, 0]);
});

test("other routers are told once, and their requests count here", () => {
  const { active, slot, slots, request, load, events } = fixture();
  const handle = active.add(slot, request("a", 1, 2));
  handle.prefillCompleted();
  handle.release();
  handle.release();
  expect(events().map(({ change }) => change.kind)).toEqual(["added", "prefill_completed", "freed"]);

  const otherSlots = new WorkerSlots();
  const other = new ActiveSequences(otherSlots, { routerId: 8n });
  const counts = events().map((event) => {
    other.apply(event);
    const there = otherSlots.find(1n, 0) ?? -1;
    return [other.requests(there), other.prefillTokens(there), other.blocks(there)];
  });
  expect(counts).toEqual([
    [1, 20, 2],
    [1, 0, 2],
    [0, 0, 0],
  ]);
  for (const event of events()) active.apply(event);
  expect([load(), slots.limit]).toEqual([[0, 0, 0], 1]);
});

test("a worker may say that prefill is over, but only a request's own router that it is", () => {
  const { active, slot, request, load } = fixture();
  active.add(slot, request("a", 1, 2));
  const worker = { workerId: 1n, dpRank: 0 };
  active.apply({ requestId: "a", worker, routerId: 1n, change: { kind: "freed" } });
  active.apply({ requestId: "a", worker, routerId: 1n, change: { kind: "prefill_completed" } });
  active.apply({ requestId: "unknown", worker, routerId: 1n, change: { kind: "prefill_completed" } });
  expect(load()).toEqual([1, 0, 2]);
});

test("requests end with their worker, and with their router", () => {
  const { active, slot, slots, request, load } = fixture();
  const handle = active.add(slot, request("a", 1));
  const worker = { workerId: 2n, dpRank: 0 };
  const change = { kind: "added", sequenceHashes: hashes(1), prefillTokens: 4 } as const;
  active.apply({ requestId: "b", worker, routerId: 9n, change });
  active.apply({ requestId: "c", worker, routerId: 10n, change });
  active.dropRouter(9n);
  expect(load(slots.find(2n, 0))).toEqual([1, 4, 1]);
  active.clear(slot);
  handle.release();
  expect(load()).toEqual([0, 0, 0]);
  expect(active.size).toBe(1);
});

test("whatever happens in whatever order, at the end nothing is left", () => {
  const random = seeded(5);
  const below = (limit: number): number => Math.floor(random() * limit);
  const { clock, active, slots, request } = fixture();
  const handles: ActiveRequest[] = [];
  for (let step = 0; step < 20_000; step++) {
    clock.now += below(20);
    const slot = slots.take(BigInt(below(5)), below(2));
    const handle = handles[below(handles.length)];
    const kind = below(10);
    if (kind < 4) handles.push(active.add(slot, request(`r${below(200)}`, ...[1, 2, 3].map(() => below(3)))));
    else if (kind < 6) handle?.prefillCompleted();
    else if (kind < 9) handle?.release();
    else if (below(20) === 0) active.clear(slot);
  }
  for (const handle of handles) handle.release();
  expect(active.size).toBe(0);
  for (let slot = 0; slot < slots.limit; slot++) {
    expect([active.requests(slot), active.prefillTokens(slot), active.blocks(slot)]).toEqual([0, 0, 0]);
  }
});
