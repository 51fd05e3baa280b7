import { describe, expect, test } from "vitest";
import { fleet, NOTHING, once, tokens } from "./support.ts";
import type { TokensHandler } from "./support.ts";

const EXACT = { routerKvEvents: true };

const holding: TokensHandler = async function* (request) {
  yield request;
  await new Promise(() => undefined);
};

describe("mode kv with events", () => {
  test("sends a prompt where workers say that it is cached, and no longer when they say it isn't", async () => {
    const workers = fleet(EXACT);
    const ids = [await workers.serve(once), await workers.serve(once), await workers.serve(once)];
    for (const [at, id] of ids.entries()) workers.cache(id, tokens(40, at * 1000));
    for (const [at] of ids.entries()) {
      await expect.poll(() => workers.overlap(tokens(40, at * 1000))).toBe(10);
    }
    for (const [at, id] of ids.entries()) {
      const { stream, decision } = await workers.ask(tokens(43, at * 1000));
      expect(stream.instance).toBe(id);
      expect(decision).toMatchObject({ overlapBlocks: 10, promptBlocks: 11 });
      stream.cancel();
    }
    const { sequenceHashes } = workers.kv.router.prompt(tokens(40));
    const [first = 0n] = ids;
    workers.tellers.get(first)?.publishKv(0, { kind: "removed", blockHashes: sequenceHashes.subarray(4) });
    await expect.poll(() => workers.overlap(tokens(40))).toBe(4);
    workers.tellers.get(first)?.publishKv(0, { kind: "cleared" });
    await expect.poll(() => workers.overlap(tokens(40))).toBe(0);
  });

  test("its own decisions are no knowledge: workers say what they keep", async () => {
    const workers = fleet(EXACT);
    await workers.serve(once);
    await workers.answer(tokens(40));
    expect(workers.overlap(tokens(40))).toBe(0);
  });

  test("a router that comes late learns what workers have", async () => {
    const workers = fleet(EXACT);
    const id = await workers.serve(once);
    await workers.serve(once);
    workers.cache(id, tokens(40));
    await expect.poll(() => workers.overlap(tokens(40))).toBe(10);
    const late = fleet(EXACT, { first: workers });
    await late.client.waitForInstances({ count: 2 });
    late.update();
    await expect.poll(() => late.overlap(tokens(40))).toBe(10);
    expect(await late.answer(tokens(43))).toBe(id);
  });

  test("what a worker had is forgotten with it, also when its last words come late", async () => {
    const workers = fleet(EXACT);
    const id = await workers.serve(once);
    await workers.serve(once);
    workers.cache(id, tokens(40));
    await expect.poll(() => workers.overlap(tokens(40))).toBe(10);
    workers.withdraw(id);
    workers.cache(id, tokens(40, 1000));
    expect(workers.overlap(tokens(40))).toBe(0);
    expect(await workers.answer(tokens(43))).not.toBe(id);
  });

  test("what workers say about their load makes them busy", async () => {
    const workers = fleet({ ...EXACT, activeDecodeBlocksThreshold: 0.5 });
    const card = { runtime_config: { total_kv_blocks: 16 } };
    const ids = [await workers.serve(once, card), await workers.serve(once, card)];
    const [full = 0n, free] = ids;
    workers.tellers.get(full)?.reportLoad({ dpRank: 0, kvUsedBlocks: 12 });
    await expect
      .poll(async () => {
        const answers = [await workers.answer(tokens(4)), await workers.answer(tokens(4, 1000))];
        return new Set([...answers, await workers.answer(tokens(4, 2000))]);
      })
      .toEqual(new Set([free]));
  });
});

describe("replica sync", () => {
  test("each router counts the requests of the other, until they are over or the other is gone", async () => {
    const sync = { routerReplicaSync: true };
    const one = fleet(sync);
    await one.serve(holding);
    await one.serve(holding);
    const two = fleet(sync, { first: one });
    await two.client.waitForInstances({ count: 2 });
    two.update();

    const first = await one.ask(tokens(40));
    // Until both hear each other, some of what is told is lost.
    await expect
      .poll(async () => {
        if (two.load().active > 0) return true;
        (await one.ask(tokens(8, 5000))).stream.cancel();
        const again = await one.ask(tokens(40, 7000));
        await new Promise((resolve) => setTimeout(resolve, 50));
        again.stream.cancel();
        return two.load().active > 0;
      })
      .toBe(true);
    first.stream.cancel();
    await expect.poll(() => two.load().active).toBe(0);

    const held = await one.ask(tokens(400));
    await expect.poll(() => two.load()).toEqual({ ...NOTHING, active: 1, requests: 1, blocks: 100 });
    const other = await two.ask(tokens(40, 9000));
    expect(other.stream.instance).not.toBe(held.stream.instance);
    await expect.poll(() => one.load().active).toBe(2);
    other.stream.cancel();
    await expect.poll(() => one.load().active).toBe(1);

    await one.routing.close();
    await expect.poll(() => two.load()).toEqual(NOTHING);
    held.stream.cancel();
  });
});
