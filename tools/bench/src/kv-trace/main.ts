/**
 * `npm run bench:kv-trace`: chats with shared beginnings before eight mock workers, routed in turn, by the frontend's
 * own decisions, and by the workers' events.
 */
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { machineFacts } from "../machine.ts";
import { withFleet } from "./fleet.ts";
import { MODEL } from "./fleet.ts";
import { replay } from "./replay.ts";
import { cachedShare, sectionOf, tableOf, withSection } from "./section.ts";
import type { Measured } from "./section.ts";
import { makeTrace } from "./trace.ts";

const PAGE = new URL("../../../../docs/benchmarks.md", import.meta.url);
/** Exact routing has to find so many times the cached tokens that taking turns does. */
const LEAST_GAIN = 3;
const PATIENCE_MS = 120_000;
const WORKERS = 8;
const BLOCK_SIZE = 16;
const SPEEDUP = 1;
const CHATS_AT_A_TIME = 80;
const PAUSE_MS = 800;
const ANSWER_TOKENS = 24;
const ROUTINGS: readonly (readonly [name: string, flags: readonly string[]])[] = [
  ["round-robin", ["--router-mode", "round-robin"]],
  ["kv, approximate", ["--router-mode", "kv", "--no-router-kv-events"]],
  ["kv, exact", ["--router-mode", "kv", "--router-kv-events"]],
];

const { values } = parseArgs({
  options: {
    write: { type: "boolean", default: false },
    blocks: { type: "string", default: "512" },
    seed: { type: "string", default: "1" },
    chats: { type: "string", default: "240" },
  },
});
const SYSTEM_PROMPTS = 40;
const blocks = Number(values.blocks);
const trace = makeTrace({
  seed: Number(values.seed),
  systemPrompts: SYSTEM_PROMPTS,
  systemWords: 600,
  chats: Number(values.chats),
  turns: [2, 4],
  userWords: 30,
  pauseMs: PAUSE_MS,
});

const measured: Measured[] = [];
for (const [routing, flags] of ROUTINGS) measured.push(await measure(routing, flags));

const [turns, , exact] = measured;
if (!turns || !exact) throw new Error("Nothing was measured");
const tokens = turns.turns.reduce((sum, { promptTokens }) => sum + promptTokens, 0) / turns.turns.length;
const about = `${trace.length} chats of 2 to 4 turns, each behind one of ${SYSTEM_PROMPTS} system prompts, ${CHATS_AT_A_TIME} chats at a time with pauses of ${PAUSE_MS} ms on average; a request has
${Math.round(tokens)} prompt tokens on average and ${ANSWER_TOKENS} tokens of answer. ${WORKERS} mock workers with ${blocks} KV blocks of ${BLOCK_SIZE} tokens each,
their times are those of the formulas of Dynamo's mocker. Seed ${values.seed}. ${new Date().toISOString().slice(0, 10)}, ${machineFacts()}.`;
process.stdout.write(`${about}\n\n${tableOf(measured)}\n`);
if (values.write) {
  await writeFile(PAGE, withSection(await readFile(PAGE, "utf8"), sectionOf(about, measured)));
}
const gain = cachedShare(exact.turns) / cachedShare(turns.turns);
if (!(gain >= LEAST_GAIN)) {
  process.stderr.write(`Exact routing found ${gain.toFixed(2)} times the cached tokens, not ${LEAST_GAIN}\n`);
  process.exitCode = 1;
}

async function measure(routing: string, flags: readonly string[]): Promise<Measured> {
  process.stderr.write(`${routing}\n`);
  const fleet = { workers: WORKERS, blocks, blockSize: BLOCK_SIZE, speedup: SPEEDUP, routing: flags };
  return withFleet(fleet, async (url) => {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const start = performance.now();
    const answers = await replay(trace, {
      url,
      model: MODEL,
      chatsAtATime: CHATS_AT_A_TIME,
      answerTokens: ANSWER_TOKENS,
      signal,
    });
    return { routing, turns: answers, seconds: (performance.now() - start) / 1000 };
  });
}
