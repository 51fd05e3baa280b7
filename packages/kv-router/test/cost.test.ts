import { expect, test } from "vitest";
import { isBusy } from "../src/busy.ts";
import { costFunction } from "../src/cost.ts";
import type { CostSettings } from "../src/cost.ts";

const both: CostSettings["release"][] = ["0.7", "1.6"];
const request = { tokens: 35, blockSize: 4, leastPrefillTokens: 0 };

/** 35 tokens are 8 full blocks; the figures stand in the logs of 0.7.1 and 1.6.1. */
test.each(both)("the costs that Dynamo %s logs", (release) => {
  expect(costFunction({ release }, request)(0, 0, 8, 0)).toBe(16.75);
  expect(costFunction({ release }, request)(8, 0, 8, 0)).toBe(8.75);
  const longer = costFunction({ release }, { ...request, tokens: 44 });
  expect(longer(8, 0, 11, 0)).toBe(14);
  expect(longer(10, 0, 11, 0)).toBe(12);
});

test.each(both)("prompts under way on a rank add to the costs of %s", (release) => {
  expect(costFunction({ release }, request)(8, 40, 8, 0)).toBe(18.75);
});

test("0.7 weighs what has to be computed", () => {
  const cost = costFunction({ release: "0.7", overlapScoreWeight: 2 }, request);
  expect(cost(8, 4, 8, 5)).toBe(2 * 1.75 + 8);
});

test("1.6 weighs the cached blocks, the rest, and requests, each by itself", () => {
  const of = (settings: object) => costFunction({ release: "1.6", ...settings }, request);
  expect(of({ overlapScoreCredit: 0.5 })(8, 0, 8, 0)).toBe(8.75 - 4 + 8);
  expect(of({ overlapScoreCredit: 2 })(8, 0, 8, 0)).toBe(8);
  expect(of({ prefillLoadScale: 3 })(8, 0, 8, 0)).toBe(0.75 * 3 + 8);
  expect(of({ decodeActiveRequestWeight: 0.25 })(8, 0, 8, 4)).toBe(0.75 + 8 + 1);
});

test("1.6 may give less for cached blocks on ranks with more under way than others", () => {
  const settings = { release: "1.6", overlapScoreCreditDecay: 1 } as const;
  const cost = costFunction(settings, { ...request, leastPrefillTokens: 4 });
  expect(cost(8, 4, 8, 0)).toBe(1 + 0.75 + 8);
  // 36 tokens more than the least are 9 blocks, as many as the request has: half the credit.
  expect(cost(8, 40, 8, 0)).toBe(10 + 8.75 - 4 + 8);
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
