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

/** The request, as far as costs go. */
export interface RequestSize {
  /** Tokens of the prompt; 0 when what has to be computed isn't counted. */
  readonly tokens: number;
  readonly blockSize: number;
  /** Prefill tokens on the least loaded rank; matters to `overlapScoreCreditDecay` only. */
  readonly leastPrefillTokens: number;
}

/**
 * The cost of one rank.
 *
 * @param overlap blocks of the request in its cache
 * @param prefillTokens prompt tokens that it has to compute already
 * @param decodeBlocks different blocks that it would have in use with this request
 * @param requests requests under way on it
 */
export type CostFunction = (
  overlap: number,
  prefillTokens: number,
  decodeBlocks: number,
  requests: number,
) => number;

export function costFunction(settings: CostSettings, request: RequestSize): CostFunction {
  return settings.release === "0.7" ? cost07(settings, request) : cost16(settings, request);
}

/** Prompt tokens that a rank with this overlap would have to compute. */
export function uncachedTokens(tokens: number, overlap: number, blockSize: number): number {
  return Math.max(0, tokens - overlap * blockSize);
}

function cost07({ overlapScoreWeight = 1 }: Cost07, { tokens, blockSize }: RequestSize): CostFunction {
  return (overlap, prefillTokens, decodeBlocks) => {
    const prefill = (prefillTokens + uncachedTokens(tokens, overlap, blockSize)) / blockSize;
    return overlapScoreWeight * prefill + decodeBlocks;
  };
}

function cost16(settings: Cost16, { tokens, blockSize, leastPrefillTokens }: RequestSize): CostFunction {
  const { overlapScoreCredit = 1, overlapScoreCreditDecay: decay = 0 } = settings;
  const { prefillLoadScale = 1, decodeActiveRequestWeight = 0 } = settings;
  const requestBlocks = Math.max(1, Math.ceil(tokens / blockSize));
  const creditAt = (prefillTokens: number): number => {
    const excess = Math.max(0, prefillTokens - leastPrefillTokens) / blockSize / requestBlocks;
    return overlapScoreCredit / (1 + decay * excess);
  };
  return (overlap, prefillTokens, decodeBlocks, requests) => {
    // More in the cache than the prompt has: Dynamo counts it all, and takes the credit off again.
    const own = tokens === 0 ? 0 : Math.max(tokens, overlap * blockSize);
    const prefill = (prefillTokens + own) / blockSize;
    const credit = decay === 0 ? overlapScoreCredit : creditAt(prefillTokens);
    const remaining = Math.max(0, prefill - credit * overlap);
    return prefillLoadScale * remaining + decodeBlocks + decodeActiveRequestWeight * requests;
  };
}
