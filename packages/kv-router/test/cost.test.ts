import { expect, test } from "vitest";
import { isBusy } from "../src/busy.ts";
import { fillCosts } from "../src/cost.ts";
import type { CostSettings } from "../src/cost.ts";

const both: CostSettings["release"][] = ["0.7", "1.6"];
const request = { tokens: 35, blocks: 8, blockSize: 4 };

interface Rank {
  overlap?: number;
  prefillTokens?: number;
  requests?: number;
}

/** The costs of ranks that have no blocks in use. */
function costs(settings: CostSettings, size: typeof request, ...ranks: Rank[]): number[] {
  const column = (of: (rank: Rank) => number | undefined) => Int32Array.from(ranks, (rank) => of(rank) ?? 0);
  const loads = {
    overlaps: column(({ overlap }) => overlap),
    prefillTokens: Float64Array.from(column(({ prefillTokens }) => prefillTokens)),
    requests: column(({ requests }) => requests),
    blocks: column(() => 0),
    shared: column(() => 0),
  };
  const filled = new Float64Array(ranks.length);
  fillCosts(settings, size, loads, { slots: Int32Array.from(ranks.keys()), costs: filled });
  return Array.from(filled);
}

/** 35 tokens are 8 full blocks; the figures stand in the logs of 0.7.1 and 1.6.1. */
test.each(both)("the costs that Dynamo %s logs", (release) => {
  expect(costs({ release }, request, {}, { overlap: 8 })).toEqual([16.75, 8.75]);
  const longer = { tokens: 44, blocks: 11, blockSize: 4 };
  expect(costs({ release }, longer, { overlap: 8 }, { overlap: 10 })).toEqual([14, 12]);
});

test.each(both)("prompts under way on a rank add to the costs of %s", (release) => {
  expect(costs({ release }, request, { overlap: 8, prefillTokens: 40 })).toEqual([18.75]);
});

test("0.7 weighs what has to be computed", () => {
  const rank = { overlap: 8, prefillTokens: 4, requests: 5 };
  expect(costs({ release: "0.7", overlapScoreWeight: 2 }, request, rank)).toEqual([2 * 1.75 + 8]);
});

test("1.6 weighs the cached blocks, the rest, and requests, each by itself", () => {
  const of = (settings: object) =>
    costs({ release: "1.6", ...settings }, request, { overlap: 8, requests: 4 });
  expect(of({ overlapScoreCredit: 0.5 })).toEqual([8.75 - 4 + 8]);
  expect(of({ overlapScoreCredit: 2 })).toEqual([8]);
  expect(of({ prefillLoadScale: 3 })).toEqual([0.75 * 3 + 8]);
  expect(of({ decodeActiveRequestWeight: 0.25 })).toEqual([0.75 + 8 + 1]);
});

test("1.6 may give less for cached blocks on ranks with more under way than others", () => {
  const ranks = [
    { overlap: 8, prefillTokens: 4 },
    { overlap: 8, prefillTokens: 40 },
  ];
  // 36 tokens more than the least are 9 blocks, as many as the request has: half the credit.
  const expected = [1 + 0.75 + 8, 10 + 8.75 - 4 + 8];
  expect(costs({ release: "1.6", overlapScoreCreditDecay: 1 }, request, ...ranks)).toEqual(expected);
});

test("costs stand at the slots of their ranks, and what isn't asked about moves nothing", () => {
  const column = (...values: number[]) => Int32Array.from(values);
  const loads = {
    overlaps: column(0, 8, 8),
    prefillTokens: Float64Array.of(0, 4, 40),
    requests: column(9, 1, 0),
    blocks: column(0, 0, 0),
    shared: column(0, 0, 0),
  };
  const ask = (settings: CostSettings): number[] => {
    const filled = new Float64Array(3);
    fillCosts(settings, request, loads, { slots: Int32Array.of(1, 2), costs: filled });
    return [...filled.subarray(1)];
  };
  // The first rank has less under way, and isn't one of them.
  expect(ask({ release: "1.6", overlapScoreCreditDecay: 1 })).toEqual([1 + 0.75 + 8, 10 + 8.75 - 4 + 8]);
  expect(ask({ release: "1.6", decodeActiveRequestWeight: 2 })).toEqual([1 + 0.75 + 8 + 2, 10 + 0.75 + 8]);
  expect(ask({ release: "0.7" })).toEqual([1 + 0.75 + 8, 10 + 0.75 + 8]);
});

test("a rank is busy above a threshold, and never by what nobody tells", () => {
  const rank = { usedBlocks: 51, totalBlocks: 100, prefillTokens: 901, maxBatchedTokens: 1_000 };
  expect(isBusy({ activeDecodeBlocks: 0.5 }, rank)).toBe(true);
  expect(isBusy({ activeDecodeBlocks: 0.51 }, rank)).toBe(false);
  expect(isBusy({ activeDecodeBlocks: 0.5 }, { ...rank, totalBlocks: undefined })).toBe(false);
  expect(isBusy({ activePrefillTokens: 900 }, rank)).toBe(true);
  expect(isBusy({ activePrefillTokens: 901 }, rank)).toBe(false);
  expect(isBusy({ activePrefillTokensFrac: 0.9 }, rank)).toBe(true);
  expect(isBusy({ activePrefillTokensFrac: 0.9 }, { ...rank, maxBatchedTokens: undefined })).toBe(false);
});
