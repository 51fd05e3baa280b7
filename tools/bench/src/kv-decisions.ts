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
 * After each decision comes the control: arithmetic that takes as long as most decisions do, on a register, without
 * memory or garbage. What is above its length there are interrupts and other programs.
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
  print("  control: arithmetic as long as most of them", percentiles(control));
}

/** How many rounds of arithmetic take so long. */
function roundsFor(microseconds: number): number {
  const rounds = 10_000;
  const took = Array.from({ length: 2_000 }, () => compute(rounds));
  return Math.round((microseconds / percentile(took, 50)) * rounds);
}

let sum = 1;

/** Gives microseconds. */
function compute(rounds: number): number {
  const start = process.hrtime.bigint();
  for (let round = 0; round < rounds; round++) sum = (Math.imul(sum, 1_103_515_245) + round) | 0;
  return Number(process.hrtime.bigint() - start) / 1_000;
}
