/** That its worker is held, and nobody else, the conformance kit tests. */
import type { ResponseMode } from "@dynamo/request-plane-core";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { standsStill } from "@dynamo/test-support";
import { settled } from "@dynamo/test-world";
import { World } from "./support/world.ts";

const ITEM = "x".repeat(10_000);

it.each<[ResponseMode]>([["callhome"], ["inband"]])(
  "with responses %s, the process of a caller that does not read holds little",
  async (responseMode) => {
    await using world = new World();
    let produced = 0;
    const worker = await world.worker(async function* () {
      for (; ; produced += 1) yield ITEM;
    });
    const { client, manager } = await world.client({
      settings: { responseMode, responseBufferBytes: 256 * 1024 },
    });
    const before = memory();
    const stream = await client.roundRobin({});
    const held = await standsStill("the worker", () => produced);
    // The system has the most of it; without backpressure there would be no end.
    expect(held * ITEM.length).toBeLessThan(64 * 1024 * 1024);
    await sleep(300);
    expect(memory()).toBeLessThan(before + 8 * 1024 * 1024);
    expect(produced).toBe(held);
    stream.cancel();
    await settled(manager, worker.manager);
  },
);

/** Bytes that this process holds. */
function memory(): number {
  globalThis.gc!();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
