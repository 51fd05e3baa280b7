/**
 * The buckets of Dynamo's histograms: on a logarithmic scale, with two significant figures, from zero on.
 *
 * Source: the buckets that Dynamo 1.6.1 shows, and lib/llm/src/http/service/metrics.rs of ai-dynamo/dynamo.
 */

/** `count` upper bounds from 0 to `max`; `min`, above 0, is where the scale begins. */
export function logBuckets(min: number, max: number, count: number): number[] {
  const step = Math.log(max / min) / (count - 1);
  const bounds = Array.from({ length: count - 1 }, (_, index) => min * Math.exp(step * (index + 1)));
  return [0, ...bounds.map((bound) => Number(bound.toPrecision(2)))];
}

/** In seconds, or in tokens. */
export const BUCKETS = {
  requestDuration: logBuckets(1, 512, 10),
  timeToFirstToken: logBuckets(0.001, 480, 18),
  interTokenLatency: logBuckets(0.001, 2, 13),
  inputTokens: logBuckets(50, 128_000, 12),
  outputTokens: logBuckets(50, 32_000, 10),
  embeddingLatency: logBuckets(0.001, 10, 14),
  migrationDuration: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60],
};
