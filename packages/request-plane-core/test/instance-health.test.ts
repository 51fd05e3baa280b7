import { describe, expect, it } from "vitest";
import { InstanceHealth } from "../src/instance-health.ts";

describe("an instance's health", () => {
  it("is good until something fails", () => {
    const health = new InstanceHealth();
    health.sent();
    expect(health.isUsable(0)).toBe(true);
    health.undecided();
    expect(health.isUsable(0)).toBe(true);
  });

  it("avoids a sick instance for longer with each failure in a row, five seconds at most", () => {
    const health = new InstanceHealth();
    const avoided = [1_000, 2_000, 4_000, 5_000, 5_000].map((_, n) => {
      const now = n * 100_000;
      health.failed(now);
      expect(health.isUsable(health.avoidUntil - 1)).toBe(false);
      expect(health.isUsable(health.avoidUntil)).toBe(true);
      return health.avoidUntil - now;
    });
    expect(avoided).toEqual([1_000, 2_000, 4_000, 5_000, 5_000]);
  });

  it("counts requests that fail together as one failure", () => {
    const health = new InstanceHealth();
    for (let i = 0; i < 100; i += 1) health.failed(i);
    expect(health.avoidUntil).toBe(1_000);
  });

  it("lets one request try a sick instance, and all when that one succeeds", () => {
    const health = new InstanceHealth();
    health.failed(0);
    expect(health.isUsable(1_000)).toBe(true);
    health.sent();
    expect(health.isUsable(60_000)).toBe(false);
    health.succeeded();
    expect(health.isUsable(0)).toBe(true);
    health.failed(0);
    expect(health.avoidUntil).toBe(1_000);
  });

  it("lets the next request try when a trial says nothing", () => {
    const health = new InstanceHealth();
    health.failed(0);
    health.sent();
    health.undecided();
    expect(health.isUsable(1_000)).toBe(true);
  });

  it("passes over one that is at capacity for a second, whatever it did before", () => {
    const health = new InstanceHealth();
    health.overloaded(0);
    expect([health.isUsable(999), health.isUsable(1_000)]).toEqual([false, true]);
    health.sent();
    expect(health.isUsable(1_000)).toBe(true);
  });

  it("starts anew when the record changes", () => {
    const health = new InstanceHealth();
    for (let i = 0; i < 5; i += 1) health.failed(0);
    health.sent();
    health.reset();
    expect(health.isUsable(0)).toBe(true);
    health.failed(0);
    expect(health.avoidUntil).toBe(1_000);
  });
});
