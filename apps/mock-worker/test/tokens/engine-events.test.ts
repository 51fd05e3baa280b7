import type { WorkerEvents } from "@dynamo/event-plane";
import type { KvChange } from "@dynamo/kv-router";
import { describe, expect, it } from "vitest";
import { EngineEvents } from "../../src/tokens/engine-events.ts";
import { options } from "../engine/support.ts";

const stored = (hash: bigint): KvChange => ({
  kind: "stored",
  blockHashes: BigUint64Array.of(hash),
  tokensHashes: BigUint64Array.of(hash),
});

function recorder(): { readonly told: unknown[]; readonly events: WorkerEvents } {
  const told: unknown[] = [];
  const events: WorkerEvents = {
    publishKv: (dpRank, change) => told.push([dpRank, change]),
    reportLoad: (load) => void told.push(load),
    prefillCompleted: (requestId, dpRank) => void told.push([requestId, dpRank]),
    close: () => Promise.resolve(),
  };
  return { told, events };
}

describe("events of an engine", () => {
  it("tell what happened before anybody could be told, in order, then what happens", () => {
    const { told, events } = recorder();
    const engine = new EngineEvents(options, true);
    engine.listener(1).kvChanges([stored(1n), stored(2n)]);
    engine.listener(0).kvChanges([stored(3n)]);
    engine.tell(events);
    engine.listener(0).kvChanges([stored(4n)]);
    expect(told).toEqual([
      [1, stored(1n)],
      [1, stored(2n)],
      [0, stored(3n)],
      [0, stored(4n)],
    ]);
  });

  it("tell the load of each rank, and of prompts that are computed", () => {
    const { told, events } = recorder();
    const engine = new EngineEvents(options, true);
    engine.tell(events);
    engine.listener(1).load({ running: 2, waiting: 3, usedBlocks: 9 });
    engine.prefillCompleted("a", 1);
    expect(told).toEqual([
      {
        dpRank: 1,
        kvUsedBlocks: 9,
        totalKvBlocks: 64,
        runningRequests: 2,
        waitingRequests: 3,
        maxRequests: 8,
      },
      ["a", 1],
    ]);
  });

  it("don't tell what is in the cache when routers don't want to know", () => {
    const { told, events } = recorder();
    const engine = new EngineEvents(options, false);
    engine.listener(0).kvChanges([stored(1n)]);
    engine.tell(events);
    engine.listener(0).kvChanges([stored(2n)]);
    expect(told).toEqual([]);
  });
});
