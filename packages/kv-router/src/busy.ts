import { RequestPlaneError } from "@dynamo/request-plane-core";

/**
 * From when on a rank is too busy for more. What isn't set is not looked at.
 * Source: interop notes, section C5 and D5; lib/llm/src/discovery/worker_monitor.rs of ai-dynamo/dynamo at 00220774.
 */
export interface BusyThresholds {
  /** Share of the KV blocks that may be in use, 0 to 1: `--active-decode-blocks-threshold`, `--busy-threshold` in 0.7. */
  readonly activeDecodeBlocks?: number;
  /** Prompt tokens still to be computed: `--active-prefill-tokens-threshold`. */
  readonly activePrefillTokens?: number;
  /** The same as a multiple of the worker's largest batch: `--active-prefill-tokens-threshold-frac`. */
  readonly activePrefillTokensFrac?: number;
}

/** What is known about a rank. Sizes that the worker doesn't tell are absent, and their checks are not made. */
export interface RankPressure {
  readonly usedBlocks: number;
  readonly totalBlocks: number | undefined;
  readonly prefillTokens: number;
  readonly maxBatchedTokens: number | undefined;
}

export function isBusy(thresholds: BusyThresholds, rank: RankPressure): boolean {
  const { activeDecodeBlocks, activePrefillTokens, activePrefillTokensFrac } = thresholds;
  if (isOver(rank.usedBlocks, activeDecodeBlocks, rank.totalBlocks)) return true;
  if (isOver(rank.prefillTokens, activePrefillTokens, 1)) return true;
  const { maxBatchedTokens } = rank;
  if (activePrefillTokensFrac === undefined || maxBatchedTokens === undefined) return false;
  return rank.prefillTokens > Math.floor(activePrefillTokensFrac * maxBatchedTokens);
}

/** Throws `invalid_configuration` for thresholds that can't be meant. */
export function checkThresholds(thresholds: BusyThresholds): void {
  for (const [setting, value] of Object.entries(thresholds) as [keyof BusyThresholds, number | undefined][]) {
    if (value === undefined) continue;
    const most = setting === "activeDecodeBlocks" ? 1 : Number.MAX_VALUE;
    if (value >= 0 && value <= most) continue;
    const message = `The busy threshold ${setting} is ${value}, but has to be from 0 to ${most === 1 ? "1" : "any finite number"}`;
    throw new RequestPlaneError("invalid_configuration", message, { facts: { setting } });
  }
}

function isOver(value: number, threshold: number | undefined, unit: number | undefined): boolean {
  return threshold !== undefined && unit !== undefined && unit > 0 && value > threshold * unit;
}
