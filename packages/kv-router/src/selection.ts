/**
 * Choosing by cost. Everything random comes from the given source, numbers from 0 up to but not including 1, in
 * the order of the costs: the same numbers make the same choice.
 * Source: interop notes, section D5; lib/kv-router/src/scheduling/selector.rs of ai-dynamo/dynamo at 01690d42.
 */
export type RandomSource = () => number;

export interface Choice {
  /** Position in the costs. */
  readonly index: number;
  readonly how: "only" | "lowest" | "tie" | "sampled";
}

/**
 * Takes the lowest cost at temperature 0, any of them when several are equal. Above, a lower cost is more likely
 * the lower the temperature is.
 *
 * @param costs at least one
 */
export function choose(costs: ArrayLike<number>, temperature: number, random: RandomSource): Choice {
  if (costs.length === 1) return { index: 0, how: "only" };
  return temperature === 0 ? lowest(costs, random) : sample(probabilities(costs, temperature), random);
}

/** How likely each is to be chosen at a temperature above 0: softmax over costs in units of their range. */
export function probabilities(costs: ArrayLike<number>, temperature: number): Float64Array {
  const weights = Float64Array.from(costs);
  const least = weights.reduce((a, b) => Math.min(a, b), Infinity);
  const range = weights.reduce((a, b) => Math.max(a, b), -Infinity) - least;
  if (range === 0) return weights.fill(1 / weights.length);
  let sum = 0;
  for (let at = 0; at < weights.length; at++) {
    const weight = Math.exp((least - (weights[at] ?? 0)) / (range * temperature));
    weights[at] = weight;
    sum += weight;
  }
  return weights.map((weight) => weight / sum);
}

function lowest(costs: ArrayLike<number>, random: RandomSource): Choice {
  let least = Infinity;
  let index = 0;
  let equals = 0;
  for (let at = 0; at < costs.length; at++) {
    const cost = costs[at] ?? Infinity;
    // Almost all of them end here.
    if (cost > least) continue;
    if (cost === least) {
      equals++;
      continue;
    }
    least = cost;
    index = at;
    equals = 1;
  }
  if (equals <= 1) return { index, how: "lowest" };
  let skip = Math.floor(random() * equals);
  while (skip > 0) if (costs[++index] === least) skip--;
  return { index, how: "tie" };
}

function sample(chances: Float64Array, random: RandomSource): Choice {
  const point = random();
  let sum = 0;
  const index = chances.findIndex((chance) => point <= (sum += chance));
  // The sum may stay a little under 1.
  return { index: index === -1 ? chances.length - 1 : index, how: "sampled" };
}
