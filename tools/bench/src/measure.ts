/**
 * The plan of a measurement: all subjects are up at once and take turns, so that each round of one lies between
 * the same rounds of the others.
 */
import { Pair } from "./pair.ts";
import type { MeasuredSample, PairOptions } from "./pair.ts";
import type { Group } from "./subjects.ts";
import type { BenchCase } from "./workload.ts";

export interface Plan {
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

/** Starts the group's subjects, measures them, and ends them. */
export async function measure(
  { cases, subjects }: Group,
  plan: Plan,
  { pair: options, report }: { readonly pair: PairOptions; readonly report: (line: string) => void },
): Promise<Series[]> {
  await using started = new AsyncDisposableStack();
  const pairs: Pair[] = [];
  for (const subject of subjects) pairs.push(started.use(await Pair.start(subject, options)));
  const all: Series[] = [];
  for (const benchCase of cases) {
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
