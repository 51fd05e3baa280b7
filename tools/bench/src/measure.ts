/**
 * The plan of a measurement: all subjects are up at once and take turns, so that each round of one lies between
 * the same rounds of the others.
 */
import type { MeasuredSample, Pair } from "./pair.ts";
import type { BenchCase } from "./workload.ts";

export interface Plan {
  readonly cases: readonly BenchCase[];
  readonly rounds: number;
  readonly roundMs: number;
  readonly warmUpMs: number;
}

/** All rounds of one subject in one case. */
export interface Series {
  readonly benchCase: BenchCase;
  readonly subject: string;
  readonly samples: readonly MeasuredSample[];
}

export async function measure(
  plan: Plan,
  pairs: readonly Pair[],
  report: (line: string) => void,
): Promise<Series[]> {
  const all: Series[] = [];
  for (const benchCase of plan.cases) {
    report(`${benchCase.name}: ${benchCase.what}`);
    all.push(...(await measureCase(benchCase, plan, pairs)));
  }
  return all;
}

async function measureCase(benchCase: BenchCase, plan: Plan, pairs: readonly Pair[]): Promise<Series[]> {
  const samples = new Map<Pair, MeasuredSample[]>(pairs.map((pair) => [pair, []]));
  for (const pair of pairs) await pair.run(benchCase, { ms: plan.warmUpMs });
  for (let round = 0; round < plan.rounds; round++) {
    for (const [pair, taken] of samples) taken.push(await pair.run(benchCase, { ms: plan.roundMs }));
  }
  return [...samples].map(([{ subject }, taken]) => ({ benchCase, subject: subject.name, samples: taken }));
}
