/** Dynamo's own index of blocks, `RadixTree` of its wheel, which a Python program feeds and asks. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import type { KvEvent } from "@dynamo/kv-router";

const PROGRAM = new URL("../python/radix_tree.py", import.meta.url).pathname;
const TIMEOUT_MS = 120_000;

export interface Matching {
  readonly tookUs: readonly number[];
  /** Blocks that were found, of all prompts and workers together. */
  readonly matched: number;
}

export interface RadixTreeFigures {
  readonly applyMs: number;
  /** Growth of the process's resident memory while it applied the events. */
  readonly grownBytes: number;
  /** One for each list of prompts. */
  readonly matchings: readonly Matching[];
}

/** Gives it all events (`stored` ones), then looks for all prompts. It has one call for each of them, and no other way. */
export async function measureRadixTree(
  python: string,
  events: readonly KvEvent[],
  prompts: readonly (readonly BigUint64Array[])[],
): Promise<RadixTreeFigures> {
  const child = spawn(python, [PROGRAM], { stdio: ["pipe", "pipe", "inherit"], timeout: TIMEOUT_MS });
  const closed = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  const [[code, signal], output] = await Promise.all([
    closed,
    text(child.stdout),
    // When the program ends early its exit code says more than a broken pipe.
    pipeline(Readable.from(lines(events, prompts)), child.stdin).catch(() => undefined),
  ]);
  if (code !== 0) throw new Error(`${PROGRAM} ended with ${String(signal ?? code)}`);
  return JSON.parse(output) as RadixTreeFigures;
}

function* lines(
  events: readonly KvEvent[],
  prompts: readonly (readonly BigUint64Array[])[],
): Generator<string> {
  for (const event of events) yield `event ${event.workerId} ${jsonOf(event)}\n`;
  for (const [list, hashes] of prompts.entries()) {
    for (const prompt of hashes) yield `prompt ${list} [${prompt.join()}]\n`;
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
