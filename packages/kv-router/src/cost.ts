/**
 * What it would cost to send a request to a worker's rank: the lower, the better. In blocks.
 */

/** The formula of Dynamo 0.7. Source: interop notes, section D5. */
export interface Cost07 {
  readonly release: "0.7";
  /** Weight of blocks that have to be computed, 1 unless told. */
  readonly overlapScoreWeight?: number;
}

/**
 * The formula of Dynamo 1.6. Source: interop notes, section D5; worker_logit in
 * lib/kv-router/src/scheduling/selector.rs of ai-dynamo/dynamo at 01690d42.
 */
export interface Cost16 {
  readonly release: "1.6";
  /** How much a block in the cache takes off the prefill, 1 unless told. */
  readonly overlapScoreCredit?: number;
  /** How fast that shrinks on ranks with more prefill under way than the least loaded one, 0 (not at all) unless told. */
  readonly overlapScoreCreditDecay?: number;
  /** Weight of the prefill that remains, 1 unless told. */
  readonly prefillLoadScale?: number;
  /** Blocks that each request under way counts for on top, 0 unless told. */
  readonly decodeActiveRequestWeight?: number;
}

export type CostSettings = Cost07 | Cost16;

/** What a request adds to a rank. */
export interface RequestSize {
  /** Tokens of the prompt; 0 when what has to be computed isn't counted. */
  readonly tokens: number;
  /** Full blocks of the prompt; 0 when blocks in use aren't counted. */
  readonly blocks: number;
  readonly blockSize: number;
}

/** What the ranks have already, by their slots. */
export interface RankLoads {
  /** Blocks of the request in the cache. */
  readonly overlaps: Int32Array;
  /** Prompt tokens still to be computed. */
  readonly prefillTokens: Float64Array;
  /** Different blocks in use, and how many of them the request would share. */
  readonly blocks: Int32Array;
  readonly shared: Int32Array;
  /** Requests under way. */
  readonly requests: Int32Array;
}

/** The ranks to choose from, and where costs go. */
export interface RanksToCost {
  readonly slots: Int32Array;
  /** By slot, as the loads are. Gets the costs of all slots that it has room for, those of others included. */
  readonly costs: Float64Array;
}

/** Computes the costs of a request for many ranks: one plain loop over all slots, because there may be thousands. */
export function fillCosts(
  settings: CostSettings,
  request: RequestSize,
  loads: RankLoads,
  { slots, costs }: RanksToCost,
): void {
  if (settings.release === "0.7") {
    fill07(settings, request, loads, costs);
    return;
  }
  const { overlapScoreCreditDecay = 0, decodeActiveRequestWeight = 0 } = settings;
  if (overlapScoreCreditDecay === 0) fill16(settings, request, loads, costs);
  else fillDecaying({ ...settings, overlapScoreCreditDecay }, request, loads, { slots, costs });
  if (decodeActiveRequestWeight !== 0) addRequests(decodeActiveRequestWeight, loads, costs);
}

/** Prompt tokens that a rank with this overlap would have to compute. */
export function uncachedTokens(tokens: number, overlap: number, blockSize: number): number {
  return Math.max(0, tokens - overlap * blockSize);
}

function fill07(
  { overlapScoreWeight = 1 }: Cost07,
  { tokens, blocks: newBlocks, blockSize }: RequestSize,
  { overlaps, prefillTokens, blocks, shared }: RankLoads,
  costs: Float64Array,
): void {
  for (let slot = 0; slot < costs.length; slot++) {
    const uncached = Math.max(0, tokens - (overlaps[slot] ?? 0) * blockSize);
    const prefill = ((prefillTokens[slot] ?? 0) + uncached) / blockSize;
    costs[slot] = overlapScoreWeight * prefill + ((blocks[slot] ?? 0) + newBlocks - (shared[slot] ?? 0));
  }
}

function fill16(
  settings: Cost16,
  { tokens, blocks: newBlocks, blockSize }: RequestSize,
  { overlaps, prefillTokens, blocks, shared }: RankLoads,
  costs: Float64Array,
): void {
  const { overlapScoreCredit = 1 } = settings;
  const scale = tokens === 0 ? 0 : (settings.prefillLoadScale ?? 1);
  for (let slot = 0; slot < costs.length; slot++) {
    const overlap = overlaps[slot] ?? 0;
    // More in the cache than the prompt has: Dynamo counts it all, and takes the credit off again.
    const prefill = ((prefillTokens[slot] ?? 0) + Math.max(tokens, overlap * blockSize)) / blockSize;
    const remaining = Math.max(0, prefill - overlapScoreCredit * overlap);
    costs[slot] = scale * remaining + ((blocks[slot] ?? 0) + newBlocks - (shared[slot] ?? 0));
  }
}

/** The same where the credit decays: a loop of its own, because the usual one is twice as fast without it. */
function fillDecaying(
  settings: Cost16 & { overlapScoreCreditDecay: number },
  { tokens, blocks: newBlocks, blockSize }: RequestSize,
  { overlaps, prefillTokens, blocks, shared }: RankLoads,
  { slots, costs }: RanksToCost,
): void {
  const { overlapScoreCredit = 1, overlapScoreCreditDecay } = settings;
  const scale = tokens === 0 ? 0 : (settings.prefillLoadScale ?? 1);
  const leastUnderWay = slots.reduce((least, slot) => Math.min(least, prefillTokens[slot] ?? 0), Infinity);
  const requestBlocks = Math.max(1, Math.ceil(tokens / blockSize));
  for (const slot of slots) {
    const overlap = overlaps[slot] ?? 0;
    const underWay = prefillTokens[slot] ?? 0;
    const excess = (underWay - leastUnderWay) / blockSize / requestBlocks;
    const credit = overlapScoreCredit / (1 + overlapScoreCreditDecay * excess);
    const prefill = (underWay + Math.max(tokens, overlap * blockSize)) / blockSize;
    const remaining = Math.max(0, prefill - credit * overlap);
    costs[slot] = scale * remaining + ((blocks[slot] ?? 0) + newBlocks - (shared[slot] ?? 0));
  }
}

/** Requests weigh nothing unless told, and their loop would be a third of the work. */
function addRequests(weight: number, { requests }: RankLoads, costs: Float64Array): void {
  for (let slot = 0; slot < costs.length; slot++) {
    costs[slot] = (costs[slot] ?? 0) + weight * (requests[slot] ?? 0);
  }
}
