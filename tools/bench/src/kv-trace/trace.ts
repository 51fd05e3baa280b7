/**
 * Chats of many turns behind a few system prompts, the same ones for the same seed.
 */
import { seeded } from "@dynamo/test-support/random";

export interface TraceOptions {
  readonly seed: number;
  readonly systemPrompts: number;
  /** Words of each. */
  readonly systemWords: number;
  readonly chats: number;
  /** Of each chat, from the fewest to the most. */
  readonly turns: readonly [least: number, most: number];
  /** Words of what a user says. */
  readonly userWords: number;
  /** How long a user thinks before each turn on average, in milliseconds; twice as long at most. */
  readonly pauseMs: number;
}

export interface Chat {
  readonly system: string;
  /** What the user says, turn by turn. */
  readonly turns: readonly UserTurn[];
}

export interface UserTurn {
  readonly said: string;
  readonly pauseMs: number;
}

const SYLLABLES = ["ba", "ne", "ki", "lo", "mu", "ra", "se", "ti", "vo", "du"];

export function makeTrace(options: TraceOptions): Chat[] {
  const random = seeded(options.seed);
  const below = (end: number): number => Math.floor(random() * end);
  const words = (count: number): string => Array.from({ length: count }, () => word(below)).join(" ");
  const systems = Array.from({ length: options.systemPrompts }, () => words(options.systemWords));
  const [least, most] = options.turns;
  return Array.from({ length: options.chats }, () => ({
    system: systems[below(systems.length)] ?? "",
    turns: Array.from({ length: least + below(most - least + 1) }, () => ({
      said: words(options.userWords),
      pauseMs: below(2 * options.pauseMs),
    })),
  }));
}

function word(below: (end: number) => number): string {
  return Array.from({ length: 1 + below(3) }, () => SYLLABLES[below(SYLLABLES.length)]).join("");
}
