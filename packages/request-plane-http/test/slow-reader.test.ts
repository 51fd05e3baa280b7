/** That other responses are read whole meanwhile, in order and to the end, the conformance kit tests. */
import { describe, expect, it } from "vitest";
import { standsStill } from "@dynamo/test-support";
import { collect, settled } from "@dynamo/test-world";
import { connectionsOf, World } from "./support/world.ts";

const ITEM = "x".repeat(10_000);

describe.each([true, false])("a caller that does not read, with adaptive windows: %s,", (adaptiveWindow) => {
  const setup = { http: { adaptiveWindow } };

  it("holds its worker soon, and nobody else on its connection", async () => {
    await using world = new World();
    let produced = 0;
    const worker = await world.worker(async function* (isEndless: boolean) {
      for (let i = 0; isEndless || i < 2_000; i += 1) {
        if (isEndless) produced += 1;
        yield ITEM;
      }
    }, setup);
    const { client, manager } = await world.client<boolean, string>({
      ...setup,
      settings: { responseBufferBytes: 256 * 1024 },
    });
    const stream = await client.roundRobin(true);
    const held = await standsStill("the worker", () => produced);
    // The buffers of both sides and the stream's window.
    expect(held * ITEM.length).toBeLessThan(4 * 1024 * 1024);

    // Many times the window of the connection, which the one that is held must not keep shut.
    for (let n = 0; n < 3; n += 1) expect(await collect(client.roundRobin(false))).toHaveLength(2_000);
    expect(produced).toBe(held);
    expect(connectionsOf(manager)).toBe(1);
    stream.cancel();
    await settled(manager, worker.manager);
  });
});
