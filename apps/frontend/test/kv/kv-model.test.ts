import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { ErrorCode, InstanceId } from "@dynamo/request-plane-core";
import { describe, expect, test } from "vitest";
import { collect, fleet, NOTHING, once, tokens } from "./support.ts";
import type { TokensFleet, TokensHandler } from "./support.ts";

async function busyStream(release: Promise<unknown>, request: unknown): Promise<unknown> {
  await release;
  return request;
}

/** Yields one item and goes on when it is let, or for ever. */
const holding = (release: Promise<unknown> = new Promise(() => undefined)): TokensHandler =>
  async function* (request) {
    yield request;
    yield await busyStream(release, request);
  };

function failing(code: ErrorCode): TokensHandler {
  return () => {
    throw new RequestPlaneError(code, "not today");
  };
}

async function several(workers: TokensFleet, count: number, handler = once): Promise<InstanceId[]> {
  const ids: InstanceId[] = [];
  for (let n = 0; n < count; n++) ids.push(await workers.serve(handler));
  return ids;
}

describe("mode kv without events", () => {
  test("sends a prompt where its beginning was sent before, and says so to the worker", async () => {
    const workers = fleet();
    await several(workers, 4);
    const first = await workers.answer(tokens(40));
    for (let turn = 1; turn < 6; turn++) {
      const { stream, decision } = await workers.ask([...tokens(40), ...tokens(10 * turn, 1000)]);
      const [item] = await collect(stream);
      expect(stream.instance).toBe(first);
      expect(decision).toMatchObject({ dpRank: 0, promptBlocks: Math.ceil((40 + 10 * turn) / 4) });
      expect(decision.overlapBlocks).toBeGreaterThanOrEqual(10);
      expect(item).toMatchObject({ dpRank: 0, overlapBlocks: decision.overlapBlocks });
    }
    await workers.rest();
  });

  test("spreads prompts that have nothing in common", async () => {
    const workers = fleet();
    const ids = await several(workers, 4);
    const answered = new Set<InstanceId>();
    for (let n = 0; n < 40; n++) answered.add(await workers.answer(tokens(40, n * 1000)));
    expect(answered).toEqual(new Set(ids));
  });

  test("forgets what was cached after the time to live", async () => {
    const workers = fleet({ routerTtlSecs: 0.1 });
    await workers.serve(once);
    await workers.answer(tokens(40));
    await expect
      .poll(async () => {
        const { stream, decision } = await workers.ask(tokens(4, 5000));
        stream.cancel();
        const later = workers.kv.router.preview({ prompt: workers.kv.router.prompt(tokens(40)) });
        return decision.overlapBlocks === 0 ? later.overlapBlocks : undefined;
      })
      .toBe(0);
  });

  test("counts a request from its choice to its end: prefill until the first item", async () => {
    const workers = fleet();
    await workers.serve(holding());
    const { stream } = await workers.ask(tokens(40));
    expect(workers.load()).toEqual({ inFlight: 1, active: 1, requests: 1, blocks: 10, prefillTokens: 0 });
    stream.cancel();
    expect(workers.load()).toEqual(NOTHING);
  });

  test("takes prompts shorter than a block", async () => {
    const workers = fleet();
    await workers.serve(once);
    const { stream, decision } = await workers.ask([1, 2]);
    expect(await collect(stream)).toHaveLength(1);
    expect(decision).toMatchObject({ overlapBlocks: 0, promptBlocks: 1 });
  });

  test("chooses among the ranks of data-parallel workers", async () => {
    const workers = fleet();
    const config = { data_parallel_size: 2, data_parallel_start_rank: 2 };
    await workers.serve(holding(), { runtime_config: config });
    const one = await workers.ask(tokens(40));
    const two = await workers.ask(tokens(40, 1000));
    expect(new Set([one.decision.dpRank, two.decision.dpRank])).toEqual(new Set([2, 3]));
    const bound = await workers.ask(tokens(40, 2000), { dpRank: 3 });
    expect(bound.decision.dpRank).toBe(3);
    for (const { stream } of [one, two, bound]) stream.cancel();
    await workers.rest();
  });

  test("sends a request that names its worker there, and counts it", async () => {
    const workers = fleet();
    const ids = await several(workers, 3, holding());
    for (const pin of ids) {
      const { stream } = await workers.ask(tokens(40), { pin });
      expect(stream.instance).toBe(pin);
      expect(workers.load().requests).toBe(1);
      stream.cancel();
    }
    await expect(workers.ask(tokens(4), { pin: 1n })).rejects.toThrow("instance id 1");
    expect(workers.load()).toEqual(NOTHING);
  });

  test("heeds settings of one request, and says why when it is asked", async () => {
    const workers = fleet();
    await several(workers, 3);
    await workers.answer(tokens(40));
    const { stream, decision } = await workers.ask(tokens(40), {
      explain: true,
      override: { temperature: 1, overlapScoreCredit: 0 },
    });
    stream.cancel();
    expect(decision.explanation).toMatchObject({ temperature: 1, how: "sampled" });
    expect(decision.explanation?.candidates.map(({ cost }) => cost)).toEqual([20, 20, 20]);
  });

  test("refuses with overloaded when all workers are busy, until they are not", async () => {
    const workers = fleet({ activeDecodeBlocksThreshold: 0.5 });
    const card = { runtime_config: { total_kv_blocks: 16 } };
    for (let n = 0; n < 2; n++) await workers.serve(holding(), card);
    const held = [await workers.ask(tokens(40)), await workers.ask(tokens(40, 1000))];
    await expect(workers.ask(tokens(4))).rejects.toMatchObject({ code: "overloaded" });
    held[0]?.stream.cancel();
    const next = await workers.ask(tokens(4));
    expect(next.stream.instance).toBe(held[0]?.stream.instance);
    for (const { stream } of [...held, next]) stream.cancel();
    await workers.rest();
  });
});

describe("what is counted is given back", () => {
  test("when a worker answers with an error, and the next one is asked", async () => {
    const workers = fleet();
    const [good] = await several(workers, 1);
    for (let n = 0; n < 2; n++) {
      await workers.serve(failing("unavailable"));
    }
    for (let n = 0; n < 20; n++) expect(await workers.answer(tokens(40, n * 1000))).toBe(good);
    await workers.rest();
  });

  test("when all of them fail", async () => {
    const workers = fleet();
    await several(workers, 3, failing("unavailable"));
    for (let n = 0; n < 5; n++) {
      await expect(workers.ask(tokens(40))).rejects.toMatchObject({ code: "unavailable" });
    }
    await workers.rest();
  });

  test("when a worker fails in a way that no other would do better", async () => {
    const workers = fleet();
    await several(workers, 2, failing("invalid_argument"));
    await expect(workers.ask(tokens(40))).rejects.toMatchObject({ code: "invalid_argument" });
    await workers.rest();
  });

  test("when the stream breaks, is left, or its client goes before the first item", async () => {
    const workers = fleet();
    await workers.serve(async function* (request) {
      if (request.tokens.length === 40) yield request;
      if (request.tokens.length === 40) throw new Error("broken");
      await new Promise(() => undefined);
    });
    await expect(workers.answer(tokens(40))).rejects.toThrow();
    const leaving = new AbortController();
    const waiting = workers.ask(tokens(20), { signal: leaving.signal });
    await expect.poll(() => workers.load().active).toBe(1);
    leaving.abort();
    await expect(waiting).rejects.toMatchObject({ code: "cancelled" });
    await workers.rest();
  });

  test("when its worker dies in the middle", async () => {
    const workers = fleet();
    await several(workers, 2, holding());
    const running = await Promise.all(tokens(20).map((n) => workers.ask(tokens(40, n * 1000))));
    expect(workers.load().active).toBe(20);
    const [victim] = workers.workers;
    if (!victim) throw new Error("no worker");
    await victim[1].close({ drainMs: 0 });
    const ends = running.map(async ({ stream }) => {
      const isVictims = stream.instance === victim[0];
      if (!isVictims) stream.cancel();
      return collect(stream).then(
        () => undefined,
        (error: unknown) => error,
      );
    });
    for (const end of await Promise.all(ends)) expect(end).toBeInstanceOf(RequestPlaneError);
    await workers.rest();
  });

  test("when its worker leaves discovery; a request that starts then goes elsewhere", async () => {
    const workers = fleet();
    const [leaver = 0n, stayer] = await several(workers, 2, holding());
    const { stream } = await workers.ask(tokens(40), { pin: leaver });
    workers.withdraw(leaver);
    expect(workers.load()).toMatchObject({ active: 0, blocks: 0 });
    expect(workers.kv.router.workers.ranks.map(({ worker }) => worker.workerId)).toEqual([stayer]);
    const next = await workers.ask(tokens(40));
    expect(next.stream.instance).toBe(stayer);
    stream.cancel();
    next.stream.cancel();
    await workers.rest();
  });

  test("when the worker's instance is gone and its card is still there", async () => {
    const workers = fleet();
    const [gone = 0n, other] = await several(workers, 2);
    await workers.answer(tokens(40), { pin: gone });
    await workers.workers.get(gone)?.close({ drainMs: 0 });
    expect(await workers.answer(tokens(40))).toBe(other);
    await workers.rest();
  });
});

test("models come and go, and their routers with them", async () => {
  const workers = fleet();
  const id = await workers.serve(once);
  expect(workers.routing.of("m")).toBeDefined();
  workers.withdraw(id);
  expect(workers.routing.of("m")).toBeUndefined();
});

test("workers with blocks of another size than the first are left out", async () => {
  const workers = fleet();
  const id = await workers.serve(once);
  await workers.serve(once, { kv_cache_block_size: 8 });
  expect([...workers.kv.workers.keys()]).toEqual([id]);
});

test.each([{ model_input: "Text" }, { kv_cache_block_size: 0 }])(
  "a model that can't be routed by tokens (%j) is served in turn",
  async (card) => {
    const workers = fleet();
    const ids = [await workers.serve(once, card), await workers.serve(once, card)];
    expect(workers.routing.of("m")).toBeUndefined();
    const answered = [await workers.answer(tokens(40)), await workers.answer(tokens(40))];
    expect(new Set(answered)).toEqual(new Set(ids));
  },
);
