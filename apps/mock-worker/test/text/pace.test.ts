import { describe, expect, it } from "vitest";
import { dueTimes, isInstant, waitUntil } from "../../src/text/pace.ts";
import type { Pace } from "../../src/text/pace.ts";
import { seededRandom } from "../../src/random.ts";

function firstTimes(pace: Pace, count: number, seed = 1): number[] {
  const times = dueTimes(pace, seededRandom(seed, ""));
  return Array.from({ length: count }, () => times.next().value);
}

describe("dueTimes", () => {
  it("starts with the first token and adds the interval", () => {
    expect(firstTimes({ ttftMs: 100, itlMs: 2.5, jitter: 0 }, 4)).toEqual([100, 102.5, 105, 107.5]);
  });

  it("stays within the jitter, uses it, and repeats with the seed", () => {
    const pace = { ttftMs: 10, itlMs: 10, jitter: 0.5 };
    const times = firstTimes(pace, 200);
    const gaps = times.map((time, index) => time - (times[index - 1] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(5);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(15);
    expect(Math.max(...gaps) - Math.min(...gaps)).toBeGreaterThan(5);
    expect(firstTimes(pace, 200)).toEqual(times);
    expect(firstTimes(pace, 200, 2)).not.toEqual(times);
  });
});

describe("isInstant", () => {
  it("is true only when no token waits", () => {
    expect(isInstant({ ttftMs: 0, itlMs: 0, jitter: 1 })).toBe(true);
    expect(isInstant({ ttftMs: 1, itlMs: 0, jitter: 0 })).toBe(false);
    expect(isInstant({ ttftMs: 0, itlMs: 0.1, jitter: 0 })).toBe(false);
  });
});

describe("waitUntil", () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

  it("waits for the time", async () => {
    const time = performance.now() + 20;
    await waitUntil(time, new AbortController().signal);
    // Timers count from when the event loop last looked at the clock, and may fire a little early.
    expect(performance.now()).toBeGreaterThanOrEqual(time - 10);
  });

  it("ends with the signal and leaves no timer", async () => {
    const controller = new AbortController();
    const before = timers();
    const waiting = waitUntil(performance.now() + 3_600_000, controller.signal);
    expect(timers()).toBe(before + 1);
    controller.abort();
    await waiting;
    expect(timers()).toBe(before);
  });
});
