import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { until } from "@dynamo/test-support";
import { collect, settled } from "@dynamo/test-world";
import { connectionsOf, World } from "./support/world.ts";

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

describe.each([true, false])("a caller that does not read, with adaptive windows: %s,", (adaptiveWindow) => {
  const setup = { http: { adaptiveWindow } };

  it("holds its worker and nobody else on its connection, and gets everything when it goes on", async () => {
    await using world = new World();
    let produced = 0;
    let endAt = Infinity;
    const worker = await world.worker(async function* (isEndless: boolean) {
      for (let i = 0; isEndless ? i < endAt : i < 2_000; i += 1) {
        if (isEndless) produced += 1;
        yield `${i} ${ITEM}`;
      }
    }, setup);
    const { client, manager } = await world.client<boolean, string>({
      ...setup,
      settings: { responseBufferBytes: 256 * 1024 },
    });
    const stream = await client.roundRobin(true);
    const held = await standsStill(() => produced);
    // The buffers of both sides and the stream's window.
    expect(held * ITEM.length).toBeLessThan(4 * 1024 * 1024);

    // Many times the window of the connection, which the one that is held must not keep shut.
    for (let n = 0; n < 3; n += 1) expect(await collect(client.roundRobin(false))).toHaveLength(2_000);
    expect(produced).toBe(held);
    expect(connectionsOf(manager)).toBe(1);

    endAt = held + 500;
    let expected = 0;
    for await (const item of stream) {
      if (!item.startsWith(`${expected} `)) throw new Error(`Expected ${expected}, got ${item.slice(0, 20)}`);
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
    }, setup);
    const { client, manager } = await world.client(setup);
    const stream = await client.roundRobin({});
    await standsStill(() => produced);
    stream.cancel();
    await until("the handler is cleaned up", () => cleanedUp && worker.served.inFlight === 0);
    await settled(manager, worker.manager);
  });
});
