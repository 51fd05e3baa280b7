/**
 * Which instance gets a request.
 */
import type { TrackedInstance } from "./instance-set.ts";

/** Picks one of at least one candidate. */
export type Picker = (candidates: readonly TrackedInstance[]) => TrackedInstance;

/** Takes candidates in turn. */
export function roundRobin(): Picker {
  let turn = 0;
  return (candidates) => nth(candidates, turn++);
}

export function random(): Picker {
  return (candidates) => nth(candidates, Math.floor(Math.random() * candidates.length));
}

/** The candidate with the fewest requests under way; those that are equal take turns. */
export function leastLoaded(): Picker {
  const inTurn = roundRobin();
  return (candidates) => {
    const fewest = Math.min(...candidates.map((candidate) => candidate.inFlight));
    return inTurn(candidates.filter((candidate) => candidate.inFlight === fewest));
  };
}

/** Of two candidates, drawn by lot, the one with fewer requests under way. */
export function powerOfTwo(): Picker {
  return (candidates) => {
    const first = Math.floor(Math.random() * candidates.length);
    // Another one: the second is drawn from the rest.
    const second = first + 1 + Math.floor(Math.random() * (candidates.length - 1));
    const [a, b] = [nth(candidates, first), nth(candidates, second)];
    return b.inFlight < a.inFlight ? b : a;
  };
}

/**
 * The instances to choose from: healthy ones that were not tried for this request. When there are none, the
 * one that may be tried soonest: an endpoint is never given up while discovery has an instance of it.
 */
export function candidatesOf(
  instances: readonly TrackedInstance[],
  tried: ReadonlySet<TrackedInstance>,
): readonly TrackedInstance[] {
  const untried = tried.size === 0 ? instances : instances.filter((instance) => !tried.has(instance));
  if (untried.every(isHealthy)) return untried;
  const now = performance.now();
  const usable = untried.filter((instance) => instance.health.isUsable(now));
  if (usable.length > 0) return usable;
  return untried.toSorted((a, b) => a.health.avoidUntil - b.health.avoidUntil).slice(0, 1);
}

function isHealthy({ health }: TrackedInstance): boolean {
  return health.isHealthy;
}

function nth(candidates: readonly TrackedInstance[], index: number): TrackedInstance {
  const candidate = candidates[index % candidates.length];
  if (!candidate) throw new RangeError("No candidate to pick from");
  return candidate;
}
