import { describe, expect, it } from "vitest";
import type { Clock } from "../../src/engine/clock.ts";
import { systemClock } from "../../src/engine/clock.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { Generation } from "../../src/engine/generation.ts";
import { EngineRank } from "../../src/engine/rank.ts";
import type { EngineLoad } from "../../src/engine/scheduler.ts";
import { decodeMs, prefillMs } from "../../src/engine/timing.ts";
import { Listener, options, request, tokens } from "./support.ts";

/** Time that goes by as soon as somebody waits for it, after everybody else had their turn. */
class VirtualClock implements Clock {
  time = 0;

  now(): number {
    return this.time;
  }

  async until(time: number): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.time = Math.max(this.time, time);
  }
}

/** Counts passes: a load at the beginning of each and one at its end. */
function counter() {
  let loads = 0;
  return {
    kvChanges: () => undefined,
    load: () => void (loads += 1),
    passes: () => loads / 2,
  };
}

const nobody = { kvChanges: () => undefined, load: () => undefined };

async function read(generation: Generation): Promise<number[]> {
  const all: number[] = [];
  for (let some = await generation.tokens(); some.length > 0; some = await generation.tokens()) {
    all.push(...some);
  }
  generation.close();
  return all;
}

describe("a rank", () => {
  it("answers at the speed of its clock, and its listener hears what it has", async () => {
    const clock = new VirtualClock();
    const router = new Listener();
    const loads: EngineLoad[] = [];
    const listener = {
      kvChanges: router.hear.bind(router),
      load: (load: EngineLoad) => void loads.push(load),
    };
    const rank = new EngineRank(options, clock, listener);
    expect(await read(rank.generate(request(tokens(40), 4)))).toHaveLength(4);
    expect(clock.time).toBeCloseTo(prefillMs(40) + 3 * decodeMs(11 / 64));
    expect(router.overlap(tokens(40))).toBe(10);
    expect(loads[0]).toMatchObject({ running: 1, usedBlocks: 10 });
    expect(loads.at(-1)).toMatchObject({ running: 0, usedBlocks: 0 });
    expect(rank.requests).toBe(0);
  });

  it("is idle when its only request is closed, without waiting for the pass", async () => {
    let waits = 0;
    const clock: Clock = {
      now: () => systemClock.now(),
      until: (time, signal) => (waits++, systemClock.until(time, signal).finally(() => waits--)),
    };
    const rank = new EngineRank({ ...options, speedupRatio: 1e-9 }, clock, nobody);
    const generation = rank.generate(request(tokens(40), 4));
    const reading = read(generation);
    await new Promise((resolve) => setTimeout(resolve, 5));
    generation.close();
    generation.close();
    expect(await reading).toEqual([]);
    expect(generation.finishReason).toBe(undefined);
    expect(rank.requests).toBe(0);
    expect(rank.scheduler.pool.refs).toBe(0);
    await expect.poll(() => waits).toBe(0);
  });

  it("goes on with those that wait when another one is closed", async () => {
    const listener = counter();
    const rank = new EngineRank(
      { ...options, maxNumSeqs: 1, numGpuBlocks: 500 },
      new VirtualClock(),
      listener,
    );
    const [first, second] = [0, 1].map((at) => rank.generate(request(tokens(8, 100 * at), 3000)));
    // Its reader is behind, and nothing happens any more.
    await expect.poll(listener.passes).toBe(1024);
    const reading = read(second!);
    first!.close();
    expect(await reading).toHaveLength(1992);
  });

  it("waits for a reader that is behind", async () => {
    const listener = counter();
    const rank = new EngineRank({ ...options, numGpuBlocks: 2000 }, new VirtualClock(), listener);
    const generation = rank.generate(request(tokens(8), 5000));
    await expect.poll(listener.passes).toBe(1024);
    expect(await generation.tokens()).toHaveLength(1024);
    expect(await read(generation)).toHaveLength(5000 - 1024);
  });
});

describe("an engine", () => {
  it("has a rank for each listener, and takes the one with the fewest requests unless told", async () => {
    const engine = new Engine(options, new VirtualClock(), [nobody, nobody]);
    const taken = [0, 1, 2].map(() => {
      const rank = engine.rank(undefined)!;
      return { at: engine.ranks.indexOf(rank), generation: rank.generate(request(tokens(8), 2)) };
    });
    expect(taken.map(({ at }) => at)).toEqual([0, 1, 0]);
    expect(engine.rank(1)).toBe(engine.ranks[1]);
    expect(engine.rank(2)).toBe(undefined);
    for (const { generation } of taken) await read(generation);
    expect(engine.ranks.map(({ requests }) => requests)).toEqual([0, 0]);
  });
});
