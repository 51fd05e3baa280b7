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
export async function testModel(): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await mkdtempDisposable(join(tmpdir(), "dynamo-interop-model-"));
  await writeTestModel(folder.path);
  const engine = {
    block_size: BLOCK_TOKENS,
    max_model_len: CONTEXT_TOKENS,
    speedup_ratio: 0,
  };
  await writeFile(join(folder.path, "mocker.json"), JSON.stringify({ engine }));
  return folder;
}

/** Our mock worker as an engine; several are in one process. */
export async function startOurEngines(site: Site, model: string, count = 1): Promise<ChatWorker> {
  const { path } = await site.use(testModel);
  const numbers = { "block-size": BLOCK_TOKENS, "max-model-len": CONTEXT_TOKENS, "num-workers": count };
  const options = Object.entries(numbers).flatMap(([name, number]) => [`--${name}`, String(number)]);
  return startOurChatWorker(site, model, ["--model-path", path, "--speedup-ratio", "0", ...options]);
}

/** The mocker of Dynamo. Two of one model are two processes. */
export async function startTheirMocker(site: Site, model: string): Promise<Child> {
  const { path } = await site.use(testModel);
  const child = await startPython(site, "chat.py", ["mocker", endpointOf(model), model, path]);
  await child.message("started");
  return child;
}
