import { expect, test } from "vitest";
import { formatExplanation } from "../src/explanation.ts";
import type { RoutingExplanation } from "../src/explanation.ts";
import { KvRouter } from "../src/router.ts";
import type { KvRouterOptions } from "../src/router.ts";
import { seeded } from "@dynamo/test-support/random";
import { decisionSteps } from "./support/recorded.ts";
import type { RecordedLoad } from "./support/recorded.ts";

const tokens = (length: number, base = 0): number[] => Array.from({ length }, (_, at) => base + at);

function routerWith(options: Partial<KvRouterOptions> = {}, workers = [1n, 2n, 3n]): KvRouter {
  const router = new KvRouter({ blockSize: 4, random: seeded(1), ...options });
  for (const workerId of workers) router.setWorker({ workerId });
  return router;
}

/** Tells the router that a worker holds all full blocks of a prompt. */
function cache(router: KvRouter, workerId: bigint, prompt: number[], dpRank = 0): void {
  const { blockHashes, sequenceHashes } = router.prompt(prompt);
  const change = { kind: "stored", blockHashes: sequenceHashes, tokensHashes: blockHashes } as const;
  router.events?.apply({ workerId, dpRank, eventId: 0, change });
}

test("a request goes where its prompt is cached, until others have so much less to do", () => {
  const router = routerWith();
  cache(router, 2n, tokens(32));
  const prompt = router.prompt(tokens(35));
  const first = router.route({ requestId: "a", prompt });
  expect(first).toMatchObject({
    worker: { workerId: 2n, dpRank: 0 },
    overlapBlocks: 8,
    uncachedTokens: 3,
    cost: 8.75,
  });
  for (let other = 0; other < 4; other++) {
    router.route({
      requestId: `x${other}`,
      prompt: router.prompt(tokens(40, 1_000 * (other + 1))),
      allowed: new Set([2n]),
    });
  }
  expect(router.preview({ prompt }).worker.workerId).not.toBe(2n);
});

test("prompts that nobody has are spread evenly", () => {
  const router = routerWith({}, [1n, 2n, 3n, 4n, 5n]);
  const counts = new Map<bigint, number>();
  for (let n = 0; n < 500; n++) {
    const { worker, active } = router.route({
      requestId: `r${n}`,
      prompt: router.prompt(tokens(16, n * 100)),
    });
    counts.set(worker.workerId, (counts.get(worker.workerId) ?? 0) + 1);
    active.prefillCompleted();
  }
  expect(Math.max(...counts.values()) / Math.min(...counts.values())).toBeLessThan(1.3);
});

test.each(["by-load", "approximate"] as const)(
  "decides as the selection service of 1.6.1 does, %s",
  (name) => {
    let draws: number[] = [];
    const cache = name === "approximate" ? { cache: { from: "decisions" } as const } : {};
    const router = routerWith({ ...cache, random: () => draws.shift() ?? 0.999 }, []);
    for (const [workerId, dpSize] of [
      [1n, 1],
      [2n, 2],
      [3n, 1],
    ] as const)
      router.setWorker({ workerId, dpSize });
    const handles = new Map<string, { prefillCompleted(): void; release(): void }>();
    for (const step of decisionSteps(name)) {
      if (step.select !== undefined && step.chosen) {
        const prompt = router.prompt(step.tokens ?? []);
        expect(Array.from(prompt.sequenceHashes, String)).toEqual(step.sequence);
        const { candidates } = router.explain({ prompt });
        const potential = candidates.map((candidate): RecordedLoad => {
          const uncached = Math.max(0, prompt.tokens - candidate.overlapBlocks * 4);
          const { workerId, dpRank, prefillTokens, decodeBlocks, requests } = candidate;
          return [Number(workerId), dpRank, prefillTokens + uncached, decodeBlocks, requests];
        });
        expect(potential).toEqual(step.potential?.toSorted(byRank));
        // It chose one of those that are best here; go on with the same one.
        const [workerId, dpRank] = step.chosen;
        const best = Math.min(...candidates.map(({ cost }) => cost));
        const theirs = candidates.find((own) => own.workerId === BigInt(workerId) && own.dpRank === dpRank);
        expect(theirs?.cost).toBe(best);
        const equals = candidates.filter(({ cost }) => cost === best);
        draws = [(equals.findIndex((own) => own === theirs) + 0.5) / equals.length];
        const { active, worker, uncachedTokens } = router.route({ requestId: step.select, prompt });
        expect([worker.workerId, worker.dpRank, uncachedTokens]).toEqual([
          BigInt(workerId),
          dpRank,
          step.uncached,
        ]);
        handles.set(step.select, active);
      } else if (step.prefill_complete !== undefined) {
        handles.get(step.prefill_complete)?.prefillCompleted();
      } else if (step.free !== undefined) {
        handles.get(step.free)?.release();
        handles.delete(step.free);
      } else {
        const loads = router.workers.ranks.map(({ slot, worker, dpRank }): RecordedLoad => {
          const { active } = router;
          return [
            Number(worker.workerId),
            dpRank,
            active.prefillTokens(slot),
            active.blocks(slot),
            active.requests(slot),
          ];
        });
        expect(loads).toEqual(step.loads?.toSorted(byRank));
      }
    }
  },
);

const byRank = (a: RecordedLoad, b: RecordedLoad): number => a[0] - b[0] || a[1] - b[1];

test("busy workers are left out, and a request that finds all busy is refused", () => {
  const router = routerWith({ busy: { activeDecodeBlocks: 0.5 } }, []);
  router.setWorker({ workerId: 1n, totalKvBlocks: 20 });
  router.setWorker({ workerId: 2n, totalKvBlocks: 20, dpSize: 2 });
  cache(router, 1n, tokens(40));
  const prompt = router.prompt(tokens(40));
  router.reportLoad({ workerId: 1n, dpRank: 0, kvUsedBlocks: 11 });
  router.reportLoad({ workerId: 2n, dpRank: 0, kvUsedBlocks: 11 });
  expect(router.preview({ prompt }).worker.workerId).toBe(2n);
  expect(router.explain({ prompt }).leftOut).toEqual([{ workerId: 1n, dpRank: 0, why: "busy" }]);
  router.reportLoad({ workerId: 2n, dpRank: 1, kvUsedBlocks: 11 });
  expect(() => router.preview({ prompt })).toThrow(expect.objectContaining({ code: "overloaded" }));
  router.reportLoad({ workerId: 1n, dpRank: 0, kvUsedBlocks: 10 });
  expect(router.preview({ prompt }).worker.workerId).toBe(1n);
});

test("busy workers can be told apart by those who choose otherwise", () => {
  const router = routerWith({}, []);
  router.setWorker({ workerId: 1n, dpSize: 2, totalKvBlocks: 100 });
  router.setWorker({ workerId: 2n, totalKvBlocks: 100 });
  const report = (workerId: bigint, dpRank: number, kvUsedBlocks: number): void =>
    router.reportLoad({ workerId, dpRank, kvUsedBlocks });
  report(1n, 0, 60);
  report(2n, 0, 60);
  expect([...router.busyWorkers()]).toEqual([]);
  router.setBusy({ activeDecodeBlocks: 0.5 });
  // One rank of the first has room.
  expect([...router.busyWorkers()]).toEqual([2n]);
  report(1n, 1, 60);
  expect([...router.busyWorkers()]).toEqual([1n, 2n]);
  report(2n, 0, 50);
  expect([...router.busyWorkers()]).toEqual([1n]);
});

test("0.7 chooses among busy workers too as long as one is not", () => {
  const router = routerWith({ busy: { activeDecodeBlocks: 0.5 }, cost: { release: "0.7" } }, []);
  for (const workerId of [1n, 2n]) router.setWorker({ workerId, totalKvBlocks: 20 });
  cache(router, 1n, tokens(40));
  router.reportLoad({ workerId: 1n, dpRank: 0, kvUsedBlocks: 11 });
  expect(router.preview({ prompt: router.prompt(tokens(40)) }).worker.workerId).toBe(1n);
});

test("workers that failed are not chosen again, and a request that nobody is left for is refused", () => {
  const router = routerWith({}, [1n, 2n]);
  cache(router, 1n, tokens(16));
  const prompt = router.prompt(tokens(16));
  expect(router.preview({ prompt, excluded: new Set([1n]) }).worker.workerId).toBe(2n);
  expect(() => router.preview({ prompt, excluded: new Set([1n, 2n]) })).toThrow(
    expect.objectContaining({ code: "no_instances" }),
  );
  expect(() => routerWith({}, []).preview({ prompt })).toThrow("No workers are known");
});

test("settings of one request win", () => {
  const router = routerWith({}, [1n, 2n]);
  cache(router, 1n, tokens(16));
  const prompt = router.prompt(tokens(16));
  const chances = (override: object) =>
    router.explain({ prompt, override }).candidates.map(({ chance }) => chance);
  expect(chances({})).toEqual([undefined, undefined]);
  expect(chances({ temperature: 1e9 })[0]).toBeCloseTo(0.5);
  expect(router.explain({ prompt, override: { overlapScoreCredit: 0 } }).how).toBe("tie");
});

test("a worker that goes is forgotten, and comes back as a stranger", () => {
  const router = routerWith({}, [1n]);
  cache(router, 1n, tokens(16));
  const prompt = router.prompt(tokens(16));
  const { active } = router.route({ requestId: "a", prompt });
  router.removeWorker(1n);
  active.release();
  router.setWorker({ workerId: 1n });
  expect(router.preview({ prompt })).toMatchObject({ overlapBlocks: 0, cost: 8 });
  expect([router.index.size, router.active.size]).toEqual([0, 0]);
});

test("each worker keeps its own cost when others have gone, and when some may not be chosen", () => {
  const router = routerWith({}, [1n, 2n, 3n, 4n, 5n]);
  cache(router, 5n, tokens(16));
  cache(router, 3n, tokens(8));
  const prompt = router.prompt(tokens(16));
  router.route({ requestId: "a", prompt: router.prompt(tokens(4, 500)), allowed: new Set([4n]) });
  router.removeWorker(2n);
  const costs = (excluded: bigint[]) =>
    new Map(
      router
        .explain({ prompt, excluded: new Set(excluded) })
        .candidates.map(({ workerId, cost }) => [workerId, cost]),
    );
  const all = [
    [1n, 8],
    [3n, 6],
    [4n, 10],
    [5n, 4],
  ] as const;
  expect(costs([])).toEqual(new Map(all));
  expect(costs([3n])).toEqual(new Map(all.filter(([workerId]) => workerId !== 3n)));
  expect(router.preview({ prompt })).toMatchObject({ worker: { workerId: 5n }, cost: 4 });
  expect(router.preview({ prompt, excluded: new Set([5n]) })).toMatchObject({
    worker: { workerId: 3n },
    cost: 6,
  });
});

test("events may come before their worker, and strangers can be forgotten", () => {
  const router = routerWith({}, []);
  cache(router, 1n, tokens(16));
  cache(router, 9n, tokens(16));
  router.setWorker({ workerId: 1n });
  router.forgetStrangers();
  expect(router.index.size).toBe(4);
  expect(router.preview({ prompt: router.prompt(tokens(16)) }).overlapBlocks).toBe(4);
});

test("a worker with fewer ranks than before keeps what the others hold", () => {
  const router = routerWith({}, []);
  router.setWorker({ workerId: 1n, dpSize: 2 });
  cache(router, 1n, tokens(16));
  cache(router, 1n, tokens(16), 1);
  router.setWorker({ workerId: 1n, dpSize: 1 });
  expect(router.index.size).toBe(4);
});

test("load that is not tracked costs nothing", () => {
  const router = routerWith({ tracking: { activeBlocks: false, prefillTokens: false } }, [1n]);
  const prompt = router.prompt(tokens(16));
  router.route({ requestId: "a", prompt });
  expect(router.preview({ prompt }).cost).toBe(0);
});

test("a prompt shorter than a block, and an empty one, go somewhere", () => {
  const router = routerWith();
  for (const length of [0, 3])
    expect(router.route({ requestId: "a", prompt: router.prompt(tokens(length)) }).overlapBlocks).toBe(0);
});

test("the same random numbers make the same decisions", () => {
  const decisions = () => {
    const router = routerWith({ temperature: 0.7, random: seeded(4) });
    return Array.from(
      { length: 50 },
      (_, n) => router.route({ requestId: `${n}`, prompt: router.prompt(tokens(12, n)) }).worker,
    );
  };
  expect(decisions()).toEqual(decisions());
});

test("an explanation can be read", () => {
  const router = routerWith({}, [0x1an, 0x2bn]);
  cache(router, 0x2bn, tokens(32));
  const prompt = router.prompt(tokens(35));
  const text = formatExplanation(router.explain({ requestId: "a", prompt, excluded: new Set([0x1an]) }));
  expect(text).toBe(
    [
      "request a (35 tokens, 8 blocks) to 2b/0: only, temperature 0",
      "  2b/0: cost 8.750, 8 blocks cached, 8 in use with it, 0 prefill tokens and 0 requests under way",
      "  1a/0: left out, excluded",
    ].join("\n"),
  );
});

test("every decision can be told, as it was made", () => {
  const told: RoutingExplanation[] = [];
  const router = routerWith({ temperature: 1, onDecision: (explanation) => told.push(explanation) });
  const decisions = Array.from({ length: 20 }, (_, n) =>
    router.route({ requestId: `${n}`, prompt: router.prompt(tokens(16, 100 * n)) }),
  );
  expect(told.map(({ requestId, chosen }) => [requestId, chosen])).toEqual(
    decisions.map(({ active, worker }) => [active.requestId, worker]),
  );
  // Before the request itself was counted.
  expect(told[0]?.candidates.map(({ requests }) => requests)).toEqual([0, 0, 0]);
  expect(told[19]?.candidates.reduce((sum, { chance = 0 }) => sum + chance, 0)).toBeCloseTo(1);
});

test("reports of workers are followed to the end of their stream", async () => {
  const router = routerWith({ busy: { activeDecodeBlocks: 0.5 } }, []);
  router.setWorker({ workerId: 1n, totalKvBlocks: 10 });
  await router.followLoad(
    (async function* () {
      yield { workerId: 9n, dpRank: 0, kvUsedBlocks: 1 };
      yield { workerId: 1n, dpRank: 0, kvUsedBlocks: 9 };
      yield { workerId: 1n, dpRank: 0, activePrefillTokens: 5 };
    })(),
  );
  expect(() => router.preview({ prompt: router.prompt([]) })).toThrow("busy");
});

test("settings that can't be meant are refused", () => {
  expect(() => new KvRouter({ blockSize: 0 })).toThrow(
    expect.objectContaining({ code: "invalid_configuration" }),
  );
  expect(() => new KvRouter({ blockSize: 4, busy: { activeDecodeBlocks: 2 } })).toThrow(
    /activeDecodeBlocks is 2/,
  );
});

test("a request may be bound to a rank of a worker", () => {
  const router = routerWith({}, []);
  router.setWorker({ workerId: 1n, dpSize: 2 });
  router.setWorker({ workerId: 2n, dpSize: 2 });
  const prompt = router.prompt(tokens(8));
  const bound = { prompt, allowed: new Set([2n]), dpRank: 1 };
  for (let n = 0; n < 10; n++) expect(router.preview(bound).worker).toEqual({ workerId: 2n, dpRank: 1 });
  expect(() => router.preview({ ...bound, dpRank: 2 })).toThrow("None of the 4 ranks");
});

test("a reservation says why when it is asked", () => {
  const router = routerWith();
  const prompt = router.prompt(tokens(8));
  expect(router.route({ requestId: "a", prompt }).explanation).toBeUndefined();
  const { explanation, worker } = router.route({ requestId: "b", prompt, explain: true });
  expect(explanation).toMatchObject({ requestId: "b", chosen: worker });
  expect(explanation?.candidates).toHaveLength(3);
});

test("busy thresholds can be replaced, and bad ones are refused", () => {
  const router = routerWith({}, [1n]);
  const prompt = router.prompt(tokens(8));
  router.route({ requestId: "a", prompt });
  router.setBusy({ activePrefillTokens: 7 });
  expect(() => router.preview({ prompt })).toThrow("All workers are busy");
  expect(() => router.setBusy({ activeDecodeBlocks: 2 })).toThrow("activeDecodeBlocks");
  router.setBusy({});
  expect(router.preview({ prompt }).worker.workerId).toBe(1n);
});
