/** How long decisions take while requests come and go, and what the machine adds to work of that length. */
import type { KvRouter, Prompt } from "@dynamo/kv-router";
import { percentiles, print } from "./figures.ts";
import { random } from "./kv-fleet.ts";
import { percentile } from "./statistics.ts";

const DECISIONS = 100_000;
const WARM_UP = DECISIONS / 5;
/** One in so many decisions counts against its worker, until so many others do. */
const ROUTED = 10;
const UNDER_WAY = 2_000;

/**
 * After each decision comes the control: a plain loop over a thousand numbers, as often as takes as long as most decisions
 * do, without garbage and without looking anything up. What takes longer there is slowed by the machine: by interrupts,
 * and by what other programs do on the same processor.
 */
export function measureDecisions(router: KvRouter, what: string, prompts: readonly Prompt[]): void {
  const active: Disposable[] = [];
  let next = 0;
  const decide = (): number => {
    const prompt = prompts[random() % prompts.length];
    if (!prompt) throw new Error(`No prompts: ${what}`);
    const start = process.hrtime.bigint();
    const decision = router.preview({ prompt });
    const microseconds = Number(process.hrtime.bigint() - start) / 1_000;
    if (decision.cost < 0) throw new Error("no cost is below 0");
    if (++next % ROUTED === 0) active.push(router.route({ requestId: String(next), prompt }).active);
    if (active.length > UNDER_WAY) active.shift()?.[Symbol.dispose]();
    return microseconds;
  };
  const usual = percentile(Array.from({ length: WARM_UP }, decide).slice(WARM_UP / 2), 50);
  const rounds = roundsFor(usual);
  const took: number[] = [];
  const control: number[] = [];
  for (let n = 0; n < DECISIONS; n++) {
    took.push(decide());
    control.push(compute(rounds));
  }
  for (const request of active) request[Symbol.dispose]();
  print(`decide for ${what}`, percentiles(took));
  print("  control: a plain loop as long as most of them", percentiles(control));
}

/** How many rounds of the control take so long. */
function roundsFor(microseconds: number): number {
  const rounds = 10_000;
  const took = Array.from({ length: 2_000 }, () => compute(rounds));
  return Math.round((microseconds / percentile(took, 50)) * rounds);
}

const numbers = Float64Array.from({ length: 1_024 }, (_, at) => at % 100);

/** Gives microseconds. */
function compute(rounds: number): number {
  const start = process.hrtime.bigint();
  let found = 0;
  for (let round = 0; round < rounds; round++) if ((numbers[round & 1_023] ?? 0) < 100) found++;
  const microseconds = Number(process.hrtime.bigint() - start) / 1_000;
  if (found !== rounds) throw new Error(`${found} of ${rounds} numbers are below 100`);
  return microseconds;
}
