import { expect, test, vi } from "vitest";
import { EventIntake } from "../src/event-intake.ts";
import type { EventIntakeOptions } from "../src/event-intake.ts";
import type { EventSource, RecoveredState, StateRecovery } from "../src/event-source.ts";
import { PrefixIndex } from "../src/index/prefix-index.ts";
import type { KvEvent } from "../src/kv-event.ts";
import { WorkerSlots } from "../src/worker-slots.ts";
import { overlaps, removed, stored } from "./support/events.ts";
import { seeded } from "@dynamo/test-support/random";

const source: EventSource = { workerId: 1n, dpRank: 0, publisherId: 5n };
const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };

function fixture() {
  const slots = new WorkerSlots();
  const index = new PrefixIndex(slots);
  const open = (options: EventIntakeOptions = {}) =>
    new EventIntake({ index, slots }, source, { logger, retryDelayMs: 1, ...options });
  return { slots, index, open, find: (...tokens: number[]) => overlaps(index, slots, tokens)["1/0"] ?? 0 };
}

/** A worker's rank that keeps its events and can be asked for them. */
class Rank implements StateRecovery {
  readonly slots = new WorkerSlots();
  readonly index = new PrefixIndex(this.slots);
  readonly log: KvEvent[] = [];
  readonly asked: (number | undefined)[] = [];
  /** Events before this one are only in the dump. */
  oldest = 0;

  publish(event: KvEvent): KvEvent {
    const numbered = { ...event, eventId: this.log.length + 1 };
    this.log.push(numbered);
    this.index.apply(numbered);
    return numbered;
  }

  recover(_source: EventSource, startEventId: number | undefined): Promise<RecoveredState> {
    this.asked.push(startEventId);
    if (startEventId !== undefined && startEventId > this.oldest) {
      return Promise.resolve({ kind: "events", events: this.log.slice(startEventId - 1) });
    }
    return Promise.resolve({ kind: "dump", events: [...this.index.dump()], lastEventId: this.log.length });
  }
}

test("events are taken in once and in order", () => {
  const { open, find } = fixture();
  const intake = open();
  intake.take([stored(1, [1, 2], { eventId: 1 }), stored(1, [3], { eventId: 2, parent: 2 })]);
  intake.take([removed(1, [3], { eventId: 3 }), stored(1, [3], { eventId: 2, parent: 2 })]);
  expect(find(1, 2, 3)).toBe(2);
  expect(intake.counts).toMatchObject({ applied: 3, seen: 1, gaps: 0 });
});

test("events of other ranks are not for this intake", () => {
  const { open, index } = fixture();
  open().take([stored(2, [1], { eventId: 1 }), stored(1, [1], { eventId: 1, dpRank: 1 })]);
  expect(index.size).toBe(0);
});

test("a gap is asked for once; what arrives meanwhile waits, and nothing is taken in twice", async () => {
  const { open, find } = fixture();
  const rank = new Rank();
  const intake = open({ recovery: rank });
  await intake.settled();
  const events = [1, 2, 3, 4, 5, 6].map((token) =>
    rank.publish(stored(1, [token], token > 1 ? { parent: token - 1 } : {})),
  );
  intake.take(events.slice(0, 1));
  intake.take(events.slice(3, 4));
  expect(intake.isCurrent).toBe(false);
  intake.take(events.slice(4));
  expect(find(1, 2, 3, 4, 5, 6)).toBe(1);
  await intake.settled();
  expect(find(1, 2, 3, 4, 5, 6)).toBe(6);
  expect(rank.asked).toEqual([undefined, 2]);
  expect(intake.counts).toMatchObject({ gaps: 1, recoveries: 2, applied: 6 });
});

test("what was missed while nobody listened is asked for, without an event that shows it", async () => {
  const { open, find } = fixture();
  const rank = new Rank();
  const intake = open({ recovery: rank });
  await intake.settled();
  intake.take([rank.publish(stored(1, [1]))]);
  rank.publish(stored(1, [2], { parent: 1 }));
  intake.catchUp();
  intake.catchUp();
  await intake.settled();
  expect(find(1, 2)).toBe(2);
  expect(rank.asked).toEqual([undefined, 2]);
  intake.close();
  intake.catchUp();
  expect(rank.asked).toHaveLength(2);
});

test("a dump stands for all events up to its last one, whatever ids it carries", async () => {
  const { open, find } = fixture();
  const rank = new Rank();
  rank.oldest = 1_000;
  for (let token = 1; token <= 9; token++)
    rank.publish(stored(1, [token], token > 1 ? { parent: token - 1 } : {}));
  const intake = open({ recovery: rank });
  intake.take(rank.log.slice(7));
  await intake.settled();
  expect(find(1, 2, 3, 4, 5, 6, 7, 8, 9)).toBe(9);
  // The ids of the dump are lower than that of the last event: going back to them would ask for ever.
  intake.take([rank.publish(removed(1, [9]))]);
  expect(intake.isCurrent).toBe(true);
  expect(find(1, 2, 3, 4, 5, 6, 7, 8, 9)).toBe(8);
  expect(rank.asked).toEqual([undefined]);
});

test("a worker that starts anew has nothing of what it had before", () => {
  const { open, find } = fixture();
  open().take([stored(1, [1, 2], { eventId: 1 })]);
  const again = open();
  expect(find(1, 2)).toBe(0);
  again.take([stored(1, [1], { eventId: 1 })]);
  expect(find(1, 2)).toBe(1);
});

test("without a way to ask, a gap is reported and gone over", () => {
  const { open, find } = fixture();
  logger.warn.mockClear();
  const intake = open();
  intake.take([stored(1, [1], { eventId: 1 }), stored(1, [2], { eventId: 3, parent: 1 })]);
  expect(find(1, 2)).toBe(2);
  expect(intake.counts.gaps).toBe(1);
  expect(logger.warn).toHaveBeenCalledWith(
    expect.objectContaining({ missing: 2, arrived: 3 }),
    expect.any(String),
  );
});

test("what is wrong with a worker is said once, and again after it was well", async () => {
  const { open } = fixture();
  logger.warn.mockClear();
  const said = (): unknown[] =>
    logger.warn.mock.calls.splice(0).map(([facts]) => (facts as { error?: string }).error);
  const recover = vi.fn<StateRecovery["recover"]>().mockRejectedValue("refused");
  const intake = open({ recovery: { recover } });
  const ask = async (): Promise<void> => {
    intake.catchUp();
    await intake.settled();
  };
  await intake.settled();
  await ask();
  expect(recover).toHaveBeenCalledTimes(10);
  // The second line says that it goes on without the worker's state.
  expect(said()).toEqual(["refused", undefined]);
  recover.mockRejectedValue("slow");
  await ask();
  expect(said()).toEqual(["slow"]);
  recover.mockResolvedValueOnce({ kind: "nothing" });
  await ask();
  expect(said()).toEqual([]);
  await ask();
  expect(said()).toEqual(["slow", undefined]);
});

test("a worker that doesn't have what is missing isn't asked for ever", async () => {
  const { open, find } = fixture();
  const recover = vi.fn<StateRecovery["recover"]>().mockResolvedValue({ kind: "nothing" });
  const intake = open({ recovery: { recover } });
  await intake.settled();
  intake.take([stored(1, [1], { eventId: 1 }), stored(1, [2], { eventId: 5, parent: 1 })]);
  await intake.settled();
  expect(recover).toHaveBeenCalledTimes(2);
  expect(find(1, 2)).toBe(2);
});

test("a worker that never answers is given up, and what it had is not counted on", async () => {
  const { open, index, find } = fixture();
  const recover = vi.fn<StateRecovery["recover"]>((_source, start) =>
    start === undefined ? Promise.resolve({ kind: "nothing" }) : new Promise(() => undefined),
  );
  const intake = open({ recovery: { recover }, recoveryTimeoutMs: 5, recoveryAttempts: 2 });
  await intake.settled();
  intake.take([stored(1, [1, 2], { eventId: 1 })]);
  intake.take([stored(1, [3], { eventId: 4, parent: 2 }), stored(1, [7], { eventId: 5 })]);
  await intake.settled();
  expect(recover).toHaveBeenCalledTimes(3);
  expect([find(1, 2), find(7), index.size]).toEqual([0, 1, 1]);
  expect(intake.counts).toMatchObject({ failedRecoveries: 1, unknownParents: 1 });
});

test("more events than may wait are asked for again", async () => {
  const { open, find } = fixture();
  const rank = new Rank();
  const intake = open({ recovery: rank, maxPending: 2 });
  const events = [1, 2, 3, 4, 5].map((token) =>
    rank.publish(stored(1, [token], token > 1 ? { parent: token - 1 } : {})),
  );
  intake.take(events);
  await intake.settled();
  expect(rank.asked).toEqual([undefined, undefined]);
  expect(find(1, 2, 3, 4, 5)).toBe(5);
});

test("a stream is taken in until it ends; its error is the caller's", async () => {
  const { open, find } = fixture();
  const intake = open();
  await intake.run(
    (async function* () {
      yield [stored(1, [1], { eventId: 1 })];
      yield [stored(1, [2], { eventId: 2, parent: 1 })];
    })(),
  );
  expect(find(1, 2)).toBe(2);
  const broken = intake.run(
    // eslint-disable-next-line require-yield -- it breaks before there is something to yield
    (async function* (): AsyncGenerator<KvEvent[]> {
      throw new Error("subscription lost");
    })(),
  );
  await expect(broken).rejects.toThrow("subscription lost");
});

test("closing ends a question at once, and nothing is taken in after it", async () => {
  const { open, index } = fixture();
  const intake = open({ recovery: { recover: () => new Promise(() => undefined) } });
  intake.take([stored(1, [1], { eventId: 1 })]);
  intake.close();
  await intake.settled();
  intake.take([stored(1, [1], { eventId: 1 })]);
  expect(index.size).toBe(0);
});

test("lost, doubled and disordered events leave the index as the worker's own", async () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = seeded(seed);
    const below = (limit: number): number => Math.floor(random() * limit);
    const { open, find } = fixture();
    const rank = new Rank();
    rank.oldest = below(2) * 15;
    const intake = open({ recovery: rank });
    const sent: KvEvent[] = [];
    for (let n = 0; n < 30; n++) {
      const token = 1 + below(5);
      // A dump has no blocks behind a gap, so take them away from the end.
      const event =
        below(3) === 0
          ? removed(1, [5, 4, 3, 2, 1].slice(0, token))
          : stored(1, [1, 2, 3, 4, 5].slice(0, token));
      sent.push(rank.publish(event));
      if (below(4) === 0) await Promise.resolve();
      if (below(3) > 0) intake.take(sent.splice(below(sent.length), 1 + below(2)));
      if (below(5) === 0) intake.take(rank.log.slice(below(rank.log.length)).slice(0, 2));
    }
    await intake.settled();
    // The last event always arrives in the end, and shows what is missing before it.
    intake.take([rank.publish(stored(1, [9]))]);
    await intake.settled();
    const expected = overlaps(rank.index, rank.slots, [1, 2, 3, 4, 5])["1/0"] ?? 0;
    if (find(1, 2, 3, 4, 5) !== expected)
      throw new Error(`seed ${seed}: ${find(1, 2, 3, 4, 5)}, not ${expected}`);
  }
});
