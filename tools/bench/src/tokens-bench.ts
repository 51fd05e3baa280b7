/**
 * How fast text becomes tokens, and tokens text, in one process. Prints one line for each figure.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { textChatCard } from "@dynamo/discovery";
import { Preprocessor, TokenizerPool } from "@dynamo/preprocessor";
import { parseEngineOutput, preprocessedRequest } from "@dynamo/preprocessor/protocol";
import type { StopConditions } from "@dynamo/preprocessor/protocol";
import { testModelSlots, writeTestModel } from "@dynamo/test-model";

const ROUNDS = 20;
const ANSWER_TOKENS = 50_000;
/** Prompts, in characters. */
const SHORT = 1_000;
const LONG = 100_000;

function print(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(64)} ${value}\n`);
}

function perSecond(count: number, milliseconds: number): string {
  return `${Math.round((count / milliseconds) * 1_000).toLocaleString("en")} tokens/s`;
}

async function measureTokenizing(model: Preprocessor, words: string): Promise<void> {
  for (const [characters, where] of [
    [SHORT, "here"],
    [LONG, "on another thread"],
  ] as const) {
    // Another text each time: the tokenizer remembers words.
    const texts = Array.from({ length: ROUNDS + 1 }, (_unused, at) =>
      words.slice(at * 37).slice(0, characters),
    );
    await model.tokenize(texts.at(-1) ?? "", false);
    const start = performance.now();
    let tokens = 0;
    for (const text of texts.slice(0, ROUNDS)) tokens += (await model.tokenize(text, false)).length;
    print(`tokenize ${characters} characters ${where}`, perSecond(tokens, performance.now() - start));
  }
}

function measureDetokenizing(model: Preprocessor, what: string, conditions: StopConditions): void {
  const request = preprocessedRequest({ model: "m", token_ids: [], stop_conditions: conditions });
  const items = Array.from({ length: ANSWER_TOKENS }, (_unused, at) => ({
    token_ids: [1000 + ((at * 7919) % 1000)],
    finish_reason: null,
  }));
  let took = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const detokenizer = model.detokenizer(request);
    const start = performance.now();
    for (const item of items) detokenizer.push(parseEngineOutput(item).token_ids);
    took = Math.min(took, performance.now() - start);
  }
  const nanoseconds = (took / ANSWER_TOKENS) * 1_000_000;
  print(
    `detokenize items of one token, ${what}`,
    `${perSecond(ANSWER_TOKENS, took)}, ${nanoseconds.toFixed(0)} ns each`,
  );
}

const folder = await mkdtemp(join(tmpdir(), "dynamo-bench-tokens-"));
const pool = new TokenizerPool();
try {
  const slots = await testModelSlots(await writeTestModel(folder));
  const model = await Preprocessor.load(textChatCard("m", { model_input: "Tokens", ...slots }), pool);
  const ids = Array.from({ length: 40_000 }, (_unused, at) => 1000 + ((at * 7919) % 1000));
  await measureTokenizing(model, model.decode(ids, true));
  measureDetokenizing(model, "without stop texts", { stop_token_ids_hidden: [257] });
  measureDetokenizing(model, "with two stop texts", {
    stop: ["\n\nHuman:", "STOP"],
    stop_token_ids_hidden: [257],
  });
} finally {
  await pool.close();
  await rm(folder, { recursive: true });
}
