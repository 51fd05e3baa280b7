/**
 * Models that take tokens: their folder, and engines of both sides that serve it.
 */
import { mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeTestModel } from "@dynamo/test-model";
import type { Child } from "../child.ts";
import type { Site } from "../site.ts";
import { endpointOf, startOurChatWorker } from "./chat.ts";
import type { ChatWorker } from "./chat.ts";
import { startPython } from "./python-program.ts";

export const BLOCK_TOKENS = 4;
/** Prompt and answer together. */
export const CONTEXT_TOKENS = 512;

/** A folder with the files of the tiny model, and what their mocker wants to know. */
export async function testModel(site: Site): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await mkdtempDisposable(join(tmpdir(), "dynamo-interop-model-"));
  await writeTestModel(folder.path);
  await writeFile(join(folder.path, "mocker.json"), JSON.stringify(mockerSettings(site)));
  return folder;
}

function mockerSettings(site: Site): object {
  // 0 would be for ever up to 1.2, where the length of the context is no setting.
  if (!site.isSince("1.3")) return { block_size: BLOCK_TOKENS, speedup_ratio: 10 };
  const engine = { block_size: BLOCK_TOKENS, speedup_ratio: 0, max_model_len: CONTEXT_TOKENS };
  return site.isSince("1.6") ? { engine } : engine;
}

/** Our mock worker as an engine. */
export async function startOurEngine(
  site: Site,
  model: string,
  options: readonly string[] = [],
): Promise<ChatWorker> {
  const { path } = await site.use(testModel);
  const numbers = { "block-size": BLOCK_TOKENS, "max-model-len": CONTEXT_TOKENS };
  const sizes = Object.entries(numbers).flatMap(([name, number]) => [`--${name}`, String(number)]);
  return startOurChatWorker(site, model, [
    "--model-path",
    path,
    "--speedup-ratio",
    "0",
    ...sizes,
    ...options,
  ]);
}

/** Two of one process where the release allows it: in 0.7 the path of an address says nothing of the instance. */
export async function startTwoOurEngines(site: Site, model: string): Promise<AsyncDisposable> {
  if (site.isSince("0.8")) return startOurEngine(site, model, ["--num-workers", "2"]);
  return both(() => startOurEngine(site, model));
}

/** The mocker of Dynamo. */
export async function startTheirMocker(site: Site, model: string): Promise<Child> {
  const { path } = await site.use(testModel);
  const sizes = [BLOCK_TOKENS, CONTEXT_TOKENS].map(String);
  const child = await startPython(site, "chat.py", ["mocker", endpointOf(model), model, path, ...sizes]);
  await child.message("started");
  return child;
}

export function startTwoTheirMockers(site: Site, model: string): Promise<AsyncDisposable> {
  return both(() => startTheirMocker(site, model));
}

async function both(start: () => Promise<AsyncDisposable>): Promise<AsyncDisposable> {
  await using started = new AsyncDisposableStack();
  await Promise.all([1, 2].map(async () => started.use(await start())));
  return started.move();
}
