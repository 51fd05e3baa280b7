import fc from "fast-check";
import type { DiscoveryRecord } from "@dynamo/request-plane-core";
import { expect, test } from "vitest";
import { snapshotOf } from "../src/live-record.ts";
import { LiveRecords } from "../src/live-records.ts";
import { recordKey } from "../src/record-key.ts";
import { ENDPOINTS } from "./helpers.ts";
import { endpoint } from "./records.ts";

function put(live: LiveRecords, record: DiscoveryRecord): void {
  live.set(recordKey(record), snapshotOf(record));
}

const KEY = recordKey(endpoint(1n));

test("what came and went while nobody looked is no event", async () => {
  const live = new LiveRecords();
  const watch = live.watch(ENDPOINTS);
  put(live, endpoint(1n));
  live.delete(KEY);
  put(live, endpoint(2n));
  expect((await watch.next()).value).toMatchObject({ kind: "added", record: { instance_id: 2n } });
});

test("a watch with nothing to tell waits, whatever came and went before", async () => {
  const live = new LiveRecords();
  const watch = live.watch(ENDPOINTS);
  for (let id = 0n; id < 1000n; id++) {
    put(live, endpoint(id));
    live.delete(recordKey(endpoint(id)));
  }
  const next = watch.next();
  put(live, endpoint(1n));
  expect((await next).value).toMatchObject({ kind: "added", record: { instance_id: 1n } });
});

test("removed and added again with another value is a change, with the same value nothing", async () => {
  const live = new LiveRecords();
  put(live, endpoint(1n, "old"));
  const watch = live.watch(ENDPOINTS);
  await watch.next();
  live.delete(KEY);
  put(live, endpoint(1n, "old"));
  put(live, endpoint(2n));
  expect((await watch.next()).value).toMatchObject({ kind: "added", record: { instance_id: 2n } });
  live.delete(KEY);
  put(live, endpoint(1n, "new"));
  expect((await watch.next()).value).toMatchObject({
    kind: "changed",
    record: { transport: { tcp: "new" } },
  });
});

test("a removal carries the record that the consumer knew", async () => {
  const live = new LiveRecords();
  put(live, endpoint(1n, "first"));
  const watch = live.watch(ENDPOINTS);
  await watch.next();
  put(live, endpoint(1n, "second"));
  live.delete(KEY);
  expect((await watch.next()).value).toMatchObject({
    kind: "removed",
    record: { transport: { tcp: "first" } },
  });
});

test("ending answers everybody who waits, and calls back once", async () => {
  const live = new LiveRecords();
  let ends = 0;
  const watch = live.watch(ENDPOINTS, () => ends++);
  const waiting = [watch.next(), watch.next()];
  await watch.return();
  watch.end();
  expect(await Promise.all(waiting)).toEqual([
    { done: true, value: undefined },
    { done: true, value: undefined },
  ]);
  put(live, endpoint(1n));
  expect(await watch.next()).toEqual({ done: true, value: undefined });
  expect([ends, live.isWatched]).toEqual([1, false]);
});

test("whatever happens, a consumer of any speed ends with the truth and sees no contradiction", async () => {
  const step = fc.record({
    id: fc.bigInt(1n, 4n),
    value: fc.option(fc.constantFrom("a", "b")),
    reads: fc.nat(3),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const live = new LiveRecords();
      const watch = live.watch(ENDPOINTS);
      const told = new Map<bigint, string>();
      const unread: Promise<void>[] = [];
      const read = (): unknown =>
        unread.push(
          watch.next().then(({ value: event, done }) => {
            if (done) return;
            const { record } = event;
            const value = (record["transport"] as { tcp: string }).tcp;
            expect(told.has(record.instance_id)).toBe(event.kind !== "added");
            if (event.kind === "changed") expect(told.get(record.instance_id)).not.toBe(value);
            if (event.kind === "removed") told.delete(record.instance_id);
            else told.set(record.instance_id, value);
          }),
        );
      const truth = new Map<bigint, string>();
      for (const { id, value, reads } of steps) {
        if (value === null) truth.delete(id);
        else truth.set(id, value);
        if (value === null) live.delete(recordKey(endpoint(id)));
        else put(live, endpoint(id, value));
        for (let index = 0; index < reads; index++) read();
      }
      for (let index = 0; index < 8; index++) read();
      await Promise.resolve();
      watch.end();
      await Promise.all(unread);
      expect(told).toEqual(truth);
    }),
    { numRuns: 300 },
  );
});
