/** Matching and deciding beside the indexes of Dynamo's wheel, with the same events and prompts. */
import type { KvRouter, Prompt } from "@dynamo/kv-router";
import { DYNAMO_RELEASE, findDynamo, INSTALL_DYNAMO } from "./dynamo-wheel.ts";
import { measureRadixTree, measureSelectionService } from "./dynamo-index.ts";
import type { Deciding, Matching } from "./dynamo-index.ts";
import { percentileRatios, percentiles, perSecond, print, roundsOf, times } from "./figures.ts";
import { promptOfHashes, random, WORKERS } from "./kv-fleet.ts";
import type { Fleet } from "./kv-fleet.ts";
import { median } from "./statistics.ts";

/** Prompts of each kind. */
const MATCHES = 5_000;
const DECISIONS = 2_000;
/** How often ours decides for each of them, and how often before that. */
const ROUNDS = 50;
const WARM_UP_ROUNDS = 10;

/** What is known of a router that has taken in the events of the fleet. */
export interface Intake {
  readonly router: KvRouter;
  readonly blocksPerSecond: number;
  /** The same from msgpack. */
  readonly decodedPerSecond: number;
  readonly residentBytesPerEntry: number;
}

/** Prints ours alone, and how to install the wheel, when it isn't there. */
export async function compareWithDynamo(stored: Fleet, intake: Intake): Promise<void> {
  const python = await findDynamo();
  if (python === undefined) {
    const advice = `left out: not installed (\`${INSTALL_DYNAMO}\` installs it)`;
    print(`RadixTree and SelectionService of Dynamo ${DYNAMO_RELEASE}`, advice);
  }
  await compareMatching(stored, intake, python);
  await compareDeciding(stored, intake.router, python);
}

async function compareMatching(stored: Fleet, intake: Intake, python: string | undefined): Promise<void> {
  // A prompt of no blocks shows what a call takes.
  const nothing = [promptOfHashes(new BigUint64Array())];
  const prompts = pick(new Map([...stored.prompts, ["a prompt without blocks", nothing]]), MATCHES);
  const own = new Map<string, Matching>();
  for (const [what, some] of prompts) own.set(what, match(intake.router, some));
  printAll("match", own);
  if (python === undefined) return;
  const theirs = await measureRadixTree(python, { events: stored.events, prompts: [...prompts.values()] });
  process.stdout.write(
    `\nRadixTree of Dynamo ${DYNAMO_RELEASE}, a call from Python for each event and prompt:\n`,
  );
  const entries = intake.router.index.size;
  const applyMs = median(theirs.applyMs);
  const rate = (entries / applyMs) * 1_000;
  print(
    "take in the same stored blocks from JSON",
    `${perSecond(entries, applyMs)}, ${roundsOf(theirs.applyMs, entries)}`,
  );
  print("  blocks per second, ours from objects to theirs", times(intake.blocksPerSecond / rate));
  print("  blocks per second, ours from msgpack to theirs", times(intake.decodedPerSecond / rate));
  const bytes = theirs.grownBytes / entries;
  print("growth of the process's resident memory meanwhile", `${bytes.toFixed(0)} bytes an entry`);
  print("  bytes an entry, theirs to ours", times(bytes / intake.residentBytesPerEntry));
  printBeside("match", own, theirs.matchings);
}

async function compareDeciding(stored: Fleet, router: KvRouter, python: string | undefined): Promise<void> {
  const prompts = pick(stored.prompts, DECISIONS);
  const own = new Map<string, Deciding>();
  for (const [what, some] of prompts) own.set(what, decide(router, some));
  process.stdout.write("\nWith no request under way:\n");
  printAll("decide for", own);
  if (python === undefined) return;
  const theirs = await measureSelectionService(python, {
    events: stored.events,
    prompts: [...prompts.values()],
  });
  process.stdout.write(`\nSelectionService of Dynamo ${DYNAMO_RELEASE}, awaited from Python:\n`);
  printBeside("decide for", own, theirs);
  for (const [at, [what, { perSecond: ours }]] of [...own].entries()) {
    const their = theirs[at]?.perSecond ?? NaN;
    print(`decide for ${what}, 64 at a time`, `${Math.round(their).toLocaleString("en")}/s`);
    print("  decisions per second, ours to theirs", times(ours / their));
  }
}

function pick(kinds: Fleet["prompts"], count: number): Map<string, Prompt[]> {
  return new Map(
    Array.from(kinds, ([what, some]) => {
      const picked = Array.from({ length: count }, () => some[random() % some.length]);
      return [what, picked.filter((prompt) => prompt !== undefined)];
    }),
  );
}

/** Matching alone, without costs and choice. */
function match({ index }: KvRouter, prompts: readonly Prompt[]): Matching {
  const depths = new Int32Array(WORKERS);
  const tookUs: number[] = [];
  let matched = 0;
  // Warm first.
  for (const { blockHashes } of prompts) index.match(blockHashes, depths);
  for (const { blockHashes } of prompts) {
    const start = process.hrtime.bigint();
    index.match(blockHashes, depths);
    tookUs.push(Number(process.hrtime.bigint() - start) / 1_000);
    for (const depth of depths) matched += depth;
  }
  return { tookUs, matched };
}

/** Whole decisions that book nothing. Nothing of ours waits, so several at a time are one after the other. */
function decide(router: KvRouter, prompts: readonly Prompt[]): Deciding {
  const tookUs: number[] = [];
  let matched = 0;
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (const prompt of prompts) {
      const start = process.hrtime.bigint();
      const { overlapBlocks } = router.preview({ prompt });
      const microseconds = Number(process.hrtime.bigint() - start) / 1_000;
      if (round >= 0) tookUs.push(microseconds);
      if (round === 0) matched += overlapBlocks;
    }
  }
  const start = performance.now();
  for (const prompt of prompts) router.preview({ prompt });
  return { tookUs, matched, perSecond: (prompts.length / (performance.now() - start)) * 1_000 };
}

function printAll(verb: string, own: ReadonlyMap<string, Matching>): void {
  for (const [what, { tookUs }] of own) print(`${verb} ${what}`, percentiles(tookUs));
}

/** What both find must be the same. */
function printBeside(verb: string, own: ReadonlyMap<string, Matching>, theirs: readonly Matching[]): void {
  for (const [at, [what, { tookUs, matched }]] of [...own].entries()) {
    const their = theirs[at];
    if (their?.matched !== matched)
      throw new Error(`${verb} ${what}: ${matched} blocks here, ${String(their?.matched)} there`);
    print(`${verb} ${what}`, percentiles(their.tookUs));
    print("  time, theirs to ours", percentileRatios(their.tookUs, tookUs));
  }
}
