import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TokenizerPool } from "../src/index.ts";
import type { TokenizerFiles } from "../src/index.ts";
import { modelFolder, pool } from "./support/model.ts";

async function files(): Promise<TokenizerFiles> {
  const folder = await modelFolder();
  const json = async (name: string) =>
    JSON.parse(await readFile(join(folder, name), "utf8")) as Readonly<Record<string, unknown>>;
  return { tokenizer: await json("tokenizer.json"), tokenizerConfig: await json("tokenizer_config.json") };
}

test("texts share a few threads, which are gone when it is closed", async () => {
  const model = await files();
  const made = pool({ threads: 2 });
  const texts = Array.from({ length: 20 }, (_unused, at) => "x".repeat(at));
  const ids = await Promise.all(texts.map((text) => made.tokenize(model, text, false)));
  expect(ids.map(({ length }) => length)).toEqual(texts.map(({ length }) => length));
  expect(made.threads).toBe(2);
  await made.close();
  expect(made.threads).toBe(0);
  await expect(made.tokenize(model, "a", false)).rejects.toMatchObject({ code: "closed" });
});

test("more models than a thread keeps take turns", async () => {
  const made = pool({ threads: 1 });
  const models = await Promise.all(Array.from({ length: 10 }, files));
  for (const model of [...models, ...models]) {
    expect(await made.tokenize(model, "xy", false)).toEqual([120, 121]);
  }
});

test("texts under way and those that wait are rejected at the end", async () => {
  const model = await files();
  const made = new TokenizerPool({ threads: 1 });
  const tasks = [made.tokenize(model, "a".repeat(100_000), false), made.tokenize(model, "b", false)];
  const outcomes = Promise.allSettled(tasks);
  await made.close();
  expect(await outcomes).toMatchObject([
    { status: "rejected", reason: { code: "closed" } },
    { status: "rejected", reason: { code: "closed" } },
  ]);
});

test("too many texts are refused, and one that takes too long ends with its thread; the next one has a new thread", async () => {
  const model = await files();
  const made = pool({ threads: 1, maxWaiting: 1, timeoutMs: 1 });
  const slow = made.tokenize(model, "ba".repeat(500_000), false);
  const waits = made.tokenize(model, "ba".repeat(500_000), false);
  const refused = made.tokenize(model, "x", false);
  expect(await Promise.allSettled([slow, waits, refused])).toMatchObject([
    { reason: { code: "deadline_exceeded" } },
    { reason: { code: "deadline_exceeded" } },
    { reason: { code: "overloaded", facts: { limit: 1 } } },
  ]);
});

test("a tokenizer that can't be made fails its text alone", async () => {
  const made = pool({ threads: 1 });
  const broken = { tokenizer: { model: { type: "Telepathy" } }, tokenizerConfig: {} };
  await expect(made.tokenize(broken, "a", false)).rejects.toMatchObject({ code: "internal" });
  await expect(made.chatPrompt(await files(), { messages: [] })).resolves.toMatchObject({
    text: "<s><|assistant|>",
  });
  const uncloneable = { messages: [{ role: "user", content: () => "a" }] };
  await expect(made.chatPrompt(await files(), uncloneable)).rejects.toMatchObject({
    code: "invalid_argument",
  });
  expect(await made.tokenize(await files(), "xy", false)).toEqual([120, 121]);
});
