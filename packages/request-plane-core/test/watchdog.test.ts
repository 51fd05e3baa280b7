import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Watchdog } from "../src/watchdog.ts";
import { until } from "@dynamo/test-support";

function watched(): { watchdog: Watchdog; expired: string[] } {
  const expired: string[] = [];
  return { expired, watchdog: new Watchdog((phase, limitMs) => expired.push(`${phase} ${limitMs}`)) };
}

afterEach(() => void vi.useRealTimers());

describe("a watchdog", () => {
  it("tells once which wait was too long", async () => {
    const { watchdog, expired } = watched();
    watchdog.watch("establish", 30);
    await until("it tells", () => expired.length > 0);
    await sleep(60);
    expect(expired).toEqual(["establish 30"]);
    watchdog.close();
  });

  it("counts from the latest wait, though its timer is older", async () => {
    const { watchdog, expired } = watched();
    const start = performance.now();
    watchdog.watch("first_item", 100);
    await sleep(60);
    const again = performance.now();
    watchdog.watch("between_items", 100);
    await until("it tells", () => expired.length > 0);
    expect(performance.now() - again).toBeGreaterThanOrEqual(99);
    expect(performance.now() - start).toBeGreaterThanOrEqual(159);
    expect(expired).toEqual(["between_items 100"]);
    watchdog.close();
  });

  it("keeps a shorter wait that comes after a longer one", async () => {
    const { watchdog, expired } = watched();
    watchdog.watch("first_item", 60_000);
    watchdog.watch("end", 20);
    await until("it tells", () => expired.length > 0);
    expect(expired).toEqual(["end 20"]);
    watchdog.close();
  });

  it("is silent while nothing is waited for, and for a limit of 0", async () => {
    const { watchdog, expired } = watched();
    watchdog.watch("establish", 20);
    watchdog.rest();
    await sleep(60);
    watchdog.watch("establish", 20);
    watchdog.watch("first_item", 0);
    await sleep(60);
    expect(expired).toEqual([]);
    watchdog.close();
  });

  it("leaves no timer after close", () => {
    vi.useFakeTimers();
    const { watchdog } = watched();
    watchdog.watch("total", 60_000);
    expect(vi.getTimerCount()).toBe(1);
    watchdog.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("waits for ever when the limit is beyond what a timer can hold, instead of ringing at once", async () => {
    const { watchdog, expired } = watched();
    watchdog.watch("first_item", 2 ** 40);
    await sleep(20);
    expect(expired).toEqual([]);
    watchdog.close();
  });
});
