import { Command, InvalidArgumentError, Option } from "commander";
import type { Plan } from "./measure.ts";
import type { Subject } from "./subject.ts";
import { GROUPS, IDLE_CASE, IDLE_SUBJECTS, OURS } from "./subjects.ts";
import type { Group } from "./subjects.ts";

export interface BenchOptions {
  readonly plan: Plan;
  /** Without cases and subjects that were not asked for; groups with none left are gone. */
  readonly groups: readonly Group[];
  /** Whose memory is measured, with how many open streams. */
  readonly idle: { readonly subjects: readonly Subject[]; readonly streams: number };
  /** File for the rows. */
  readonly json: string | undefined;
  /** Whether docs/benchmarks.md is written. */
  readonly write: boolean;
  /** Folder for profiles; with it nothing is measured. */
  readonly profile: string | undefined;
}

interface Given {
  readonly short?: true;
  readonly rounds?: number;
  readonly seconds?: number;
  readonly warmUp?: number;
  readonly write?: true;
  readonly streams?: number;
  readonly case?: string[];
  readonly subject?: string[];
  readonly json?: string;
  readonly profile?: string;
}

/** The warm-up is long because V8 takes some ten thousand calls to settle. */
const FULL = { rounds: 5, seconds: 1.5, warmUpMs: 4_000, streams: 10_000 };
/** Too short to settle: figures of a short run are for seeing that all works, and for large differences. */
const SHORT = { rounds: 2, seconds: 0.1, warmUpMs: 60, streams: 1_000 };

const CASE_NAMES = [...GROUPS.flatMap(({ cases }) => namesOf(cases)), IDLE_CASE];
const SUBJECT_NAMES = GROUPS.flatMap(({ subjects }) => namesOf(subjects));

/** Prints and ends the process after `--help` (exit code 0) and after a mistake (exit code 2). */
export function parseOptions(args: readonly string[]): BenchOptions {
  const given = new Command("npm run bench --")
    .description(
      "Measures this library on each of its planes, bare programs that do the same exchanges, gRPC, Connect and real Dynamo, each with a client and a server; and its frontend next to Dynamo's.",
    )
    .option(
      "--short",
      `all cases and subjects, but ${SHORT.rounds} rounds of ${SHORT.seconds} s after ${SHORT.warmUpMs / 1000} s of warm-up: less than a minute in all`,
    )
    .option("--rounds <count>", `rounds of each case and subject (default ${FULL.rounds})`, parseCount)
    .option("--seconds <number>", `length of a round (default ${FULL.seconds})`, parseSeconds)
    .option(
      "--warm-up <seconds>",
      `before the rounds of a case, for each subject (default ${FULL.warmUpMs / 1000})`,
      parseSeconds,
    )
    .option("--streams <count>", `open streams of the case idle (default ${FULL.streams})`, parseCount)
    .addOption(choice("--case <name...>", "only these cases", CASE_NAMES))
    .addOption(choice("--subject <name...>", "only these subjects", SUBJECT_NAMES))
    .option("--json <file>", "write a row for each case and subject")
    .addOption(
      new Option("--write", "write docs/benchmarks.md and its chart, of all cases and subjects").conflicts([
        ...["short", "case", "subject", "profile"],
      ]),
    )
    .option("--profile <folder>", "profile instead of measure; without --subject, only this library")
    .helpOption("-h, --help", "show this")
    .allowExcessArguments(false)
    .exitOverride(({ exitCode }) => process.exit(exitCode && 2))
    .parse(args, { from: "user" })
    .opts<Given>();
  return resolveOptions(given);
}

function resolveOptions(given: Given): BenchOptions {
  const defaults = given.short ? SHORT : FULL;
  const { rounds = defaults.rounds, seconds = defaults.seconds, streams = defaults.streams } = given;
  const { warmUp = defaults.warmUpMs / 1000 } = given;
  const cases = given.case ?? CASE_NAMES;
  const subjects = given.subject ?? (given.profile === undefined ? SUBJECT_NAMES : namesOf(OURS));
  return {
    plan: { rounds, roundMs: seconds * 1000, warmUpMs: warmUp * 1000 },
    groups: groupsOf(cases, subjects),
    idle: {
      subjects: cases.includes(IDLE_CASE) ? picked(IDLE_SUBJECTS, subjects) : [],
      streams,
    },
    json: given.json,
    write: given.write ?? false,
    profile: given.profile,
  };
}

function groupsOf(caseNames: readonly string[], subjectNames: readonly string[]): Group[] {
  return GROUPS.map((group) => ({
    ...group,
    cases: picked(group.cases, caseNames),
    subjects: picked(group.subjects, subjectNames),
  })).filter(({ cases, subjects }) => cases.length > 0 && subjects.length > 0);
}

interface Named {
  readonly name: string;
}

function namesOf(all: readonly Named[]): string[] {
  return all.map(({ name }) => name);
}

function picked<T extends Named>(all: readonly T[], names: readonly string[]): T[] {
  return all.filter(({ name }) => names.includes(name));
}

function choice(flags: string, description: string, names: readonly string[]): Option {
  return new Option(flags, description).choices(names);
}

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 100_000) return count;
  throw new InvalidArgumentError("A whole number from 1 to 100000 is needed.");
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (seconds > 0 && seconds <= 3600) return seconds;
  throw new InvalidArgumentError("A number of seconds, at most 3600, is needed.");
}
