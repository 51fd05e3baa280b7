import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ExpiryQueue } from "../src/expiry-queue.ts";
import { until } from "@dynamo/test-support";

afterEach(() => void vi.useRealTimers());

describe("an expiry queue", () => {
  it("lets each entry expire after its own time, in the order in which they came", async () => {
    const expired: [string, number][] = [];
    const queue = new ExpiryQueue<string>(80, (item) => expired.push([item, performance.now()]));
    const added = performance.now();
    queue.add("a");
    await sleep(40);
    const later = performance.now();
    queue.add("b");
    await until("both expired", () => expired.length === 2);
    expect(expired.map(([item]) => item)).toEqual(["a", "b"]);
    expect(expired[0]![1] - added).toBeGreaterThanOrEqual(79);
    expect(expired[1]![1] - later).toBeGreaterThanOrEqual(79);
    expect(queue.size).toBe(0);
  });

  it("forgets entries that were taken out, and does not stop at them", async () => {
    const expired: string[] = [];
    const queue = new ExpiryQueue<string>(30, (item) => expired.push(item));
    for (const item of ["a", "b", "c"]) queue.add(item);
    queue.delete("a");
    expect(queue.size).toBe(2);
    await until("the others expired", () => expired.length === 2);
    expect(expired).toEqual(["b", "c"]);
  });

  it("works again after it ran empty", async () => {
    const expired: string[] = [];
    const queue = new ExpiryQueue<string>(10, (item) => expired.push(item));
    for (const item of ["a", "b"]) {
      queue.add(item);
      await until(`${item} expired`, () => expired.includes(item));
    }
    expect(expired).toEqual(["a", "b"]);
  });

  it("takes entries that are added while others expire", async () => {
    const expired: string[] = [];
    const queue = new ExpiryQueue<string>(10, (item) => {
      expired.push(item);
      if (item === "a") queue.add("b");
    });
    queue.add("a");
    await until("the second expired", () => expired.length === 2);
    expect(expired).toEqual(["a", "b"]);
  });

  it("uses one timer for any number of entries, and none after clear", () => {
    vi.useFakeTimers();
    const queue = new ExpiryQueue<number>(60_000, () => undefined);
    for (let i = 0; i < 1_000; i += 1) queue.add(i);
    expect(vi.getTimerCount()).toBe(1);
    queue.clear();
    expect(vi.getTimerCount()).toBe(0);
    expect(queue.size).toBe(0);
  });
});
