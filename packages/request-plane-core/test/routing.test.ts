import { describe, expect, it } from "vitest";
import { TrackedInstance } from "../src/instance-set.ts";
import { candidatesOf, leastLoaded, powerOfTwo, random, roundRobin } from "../src/routing.ts";

function instances(count: number): TrackedInstance[] {
  const name = { namespace: "n", component: "c", endpoint: "e" };
  const transport = { tcp: "127.0.0.1:1/x" };
  return Array.from(
    { length: count },
    (_, n) => new TrackedInstance({ ...name, transport, instance_id: BigInt(n) }),
  );
}

const NONE: ReadonlySet<TrackedInstance> = new Set();

describe("candidates", () => {
  it("are all instances when all are well, and those that were not tried", () => {
    const all = instances(3);
    expect(candidatesOf(all, NONE)).toEqual(all);
    expect(candidatesOf(all, new Set([all[1]!]))).toEqual([all[0], all[2]]);
    expect(candidatesOf(all, new Set(all))).toEqual([]);
  });

  it("are the healthy ones when some are sick", () => {
    const all = instances(3);
    all[0]!.health.failed(performance.now());
    all[2]!.health.overloaded(performance.now());
    expect(candidatesOf(all, NONE)).toEqual([all[1]]);
  });

  it("are the one that may be tried soonest when all are sick", () => {
    const all = instances(3);
    const now = performance.now();
    for (const [n, { health }] of all.entries()) health.failed(now - n * 100);
    expect(candidatesOf(all, NONE)).toEqual([all[2]]);
    expect(candidatesOf(all, new Set([all[2]!]))).toEqual([all[1]]);
  });

  it("leave out an instance whose trial is under way, as long as there is another", () => {
    const all = instances(2);
    all[0]!.health.failed(performance.now() - 10_000);
    expect(candidatesOf(all, NONE)).toEqual(all);
    all[0]!.health.sent();
    expect(candidatesOf(all, NONE)).toEqual([all[1]]);
    expect(candidatesOf(all, new Set([all[1]!]))).toEqual([all[0]]);
  });
});

describe("pickers", () => {
  it("round robin takes each in turn, and goes on when their number changes", () => {
    const all = instances(3);
    const pick = roundRobin();
    const picked = Array.from({ length: 6 }, () => pick(all).id);
    expect(picked).toEqual([0n, 1n, 2n, 0n, 1n, 2n]);
    expect(new Set(Array.from({ length: 2 }, () => pick(all.slice(0, 2)).id)).size).toBe(2);
  });

  it("random picks each sooner or later", () => {
    const all = instances(4);
    const pick = random();
    const picked = new Set(Array.from({ length: 400 }, () => pick(all).id));
    expect(picked.size).toBe(4);
  });

  it("least loaded picks the least loaded, and takes equals in turn", () => {
    const all = instances(3);
    all[1]!.inFlight = 5;
    const pick = leastLoaded();
    const picked = Array.from({ length: 4 }, () => pick(all).id);
    expect(picked).toEqual([0n, 2n, 0n, 2n]);
    all[0]!.inFlight = all[2]!.inFlight = 6;
    expect(pick(all).id).toBe(1n);
  });

  it("power of two picks the one with less to do of two, never the busiest of all", () => {
    const all = instances(3);
    all[1]!.inFlight = 1;
    all[2]!.inFlight = 2;
    const pick = powerOfTwo();
    const picked = new Set(Array.from({ length: 400 }, () => pick(all).id));
    expect(picked).toEqual(new Set([0n, 1n]));
    expect(pick(all.slice(2)).id).toBe(2n);
  });

  it("refuse to pick from nothing", () => {
    for (const pick of [roundRobin(), random(), leastLoaded(), powerOfTwo()])
      expect(() => pick([])).toThrow(RangeError);
  });
});
