import type { ResponseMode } from "@dynamo/request-plane-core";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { until } from "@dynamo/test-support";
import { collect, settled } from "@dynamo/test-world";
import { World } from "./support/world.ts";

const ITEM = "x".repeat(10_000);

/** Resolves when a number has not grown for a while. */
async function standsStill(value: () => number): Promise<number> {
  let last = -1;
  await until("nothing moves any more", async () => {
    const before = value();
    await sleep(200);
    last = value();
    return last === before && last > 0;
  });
  return last;
}

describe.each<[ResponseMode]>([["callhome"], ["inband"]])(
  "with responses %s, a caller that does not read",
  (responseMode) => {
    it("holds its worker and nobody else, and gets everything in order when it goes on", async () => {
      await using world = new World();
      let produced = 0;
      let endAt = Infinity;
      const worker = await world.worker(async function* (isEndless: boolean) {
        for (let i = 0; isEndless ? i < endAt : i < 2_000; i += 1) {
          if (isEndless) produced += 1;
          yield `${i} ${ITEM}`;
        }
      });
      const { client, manager } = await world.client<boolean, string>({
        settings: { responseMode, responseBufferBytes: 256 * 1024 },
      });
      const stream = await client.roundRobin(true);
      const held = await standsStill(() => produced);
      // Buffers of both sides and of the system; without backpressure there would be no end.
      expect(held * ITEM.length).toBeLessThan(64 * 1024 * 1024);
      // What the caller's process holds of it, besides the system, is its buffer and a chunk of the socket.
      globalThis.gc!();
      const before = process.memoryUsage();
      await sleep(300);
      globalThis.gc!();
      const after = process.memoryUsage();
      expect(after.heapUsed + after.external).toBeLessThan(
        before.heapUsed + before.external + 8 * 1024 * 1024,
      );
      expect(produced).toBe(held);

      // Another stream of the same pair is not held up, and is larger than all buffers.
      expect((await collect(client.roundRobin(false))).length).toBe(2_000);
      expect(produced).toBe(held);

      endAt = held + 500;
      let expected = 0;
      for await (const item of stream) {
        if (!item.startsWith(`${expected} `))
          throw new Error(`Expected item ${expected}, got ${item.slice(0, 20)}`);
        expected += 1;
      }
      expect(expected).toBe(endAt);
      await settled(manager, worker.manager);
    });

    it("can leave while its worker is held, which ends the worker's part", async () => {
      await using world = new World();
      let produced = 0;
      let cleanedUp = false;
      const worker = await world.worker(async function* () {
        try {
          for (;;) {
            produced += 1;
            yield ITEM;
          }
        } finally {
          cleanedUp = true;
        }
      });
      const { client, manager } = await world.client({ settings: { responseMode } });
      const stream = await client.roundRobin({});
      await standsStill(() => produced);
      stream.cancel();
      await until("the handler is cleaned up", () => cleanedUp && worker.served.inFlight === 0);
      await settled(manager, worker.manager);
    });
  },
);
