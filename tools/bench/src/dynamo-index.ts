/** The indexes of Dynamo's wheel, which Python programs feed and ask. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import type { KvEvent, Prompt } from "@dynamo/kv-router";

const PROGRAMS = new URL("../python/", import.meta.url).pathname;
const TIMEOUT_MS = 120_000;

export interface Matching {
  readonly tookUs: readonly number[];
  /** Blocks that were found, of all prompts together (and of all workers, where no worker is chosen). */
  readonly matched: number;
}

export interface Deciding extends Matching {
  /** Decisions per second, 64 at a time. */
  readonly perSecond: number;
}

export interface RadixTreeFigures {
  /** Of each round, with a new tree. */
  readonly applyMs: readonly number[];
  /** Growth of the process's resident memory while it applied the events. */
  readonly grownBytes: number;
  /** One for each list of prompts. */
  readonly matchings: readonly Matching[];
}

/** Events (`stored` ones), and lists of prompts to look for when all of them are taken in. */
export interface IndexWork {
  readonly events: readonly KvEvent[];
  readonly prompts: readonly (readonly Prompt[])[];
}

/** It has one call for each event and prompt, and no other way. */
export async function measureRadixTree(python: string, work: IndexWork): Promise<RadixTreeFigures> {
  return JSON.parse(await run(python, "radix_tree.py", work)) as RadixTreeFigures;
}

/** Decides for one prompt after the other, then for 64 at a time. Gives one for each list of prompts. */
export async function measureSelectionService(python: string, work: IndexWork): Promise<readonly Deciding[]> {
  return JSON.parse(await run(python, "selection_service.py", work)) as Deciding[];
}

async function run(python: string, program: string, work: IndexWork): Promise<string> {
  const child = spawn(python, [PROGRAMS + program], {
    stdio: ["pipe", "pipe", "inherit"],
    // It would log each decision, and leave files beside the programs.
    env: { ...process.env, DYN_LOG: "error", PYTHONDONTWRITEBYTECODE: "1" },
    timeout: TIMEOUT_MS,
  });
  const closed = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  const [[code, signal], output] = await Promise.all([
    closed,
    text(child.stdout),
    // When the program ends early its exit code says more than a broken pipe.
    pipeline(Readable.from(lines(work)), child.stdin).catch(() => undefined),
  ]);
  if (code !== 0) throw new Error(`${program} ended with ${String(signal ?? code)}`);
  return output;
}

function* lines({ events, prompts }: IndexWork): Generator<string> {
  for (const event of events) yield `event ${event.workerId} ${jsonOf(event)}\n`;
  for (const [list, some] of prompts.entries()) {
    for (const { tokens, blockHashes } of some)
      yield `prompt ${list} {"tokens":${tokens},"hashes":[${blockHashes.join()}]}\n`;
  }
}

/** As `apply_event` wants it. Hashes have more digits than `JSON.stringify` would keep. */
function jsonOf({ eventId, dpRank, change }: KvEvent): string {
  if (change.kind !== "stored") throw new TypeError(`no event of kind ${change.kind} is expected here`);
  const { parentHash, blockHashes, tokensHashes } = change;
  const blocks = Array.from(
    blockHashes,
    (hash, at) => `{"block_hash":${hash},"tokens_hash":${tokensHashes[at]}}`,
  );
  const stored = `{"parent_hash":${parentHash ?? "null"},"blocks":[${blocks.join()}]}`;
  return `{"event_id":${eventId},"dp_rank":${dpRank},"data":{"stored":${stored}}}`;
}
