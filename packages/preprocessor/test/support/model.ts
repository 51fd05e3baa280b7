/** The tiny model of the tests, and variations of it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { textChatCard } from "@dynamo/discovery";
import type { ModelCard } from "@dynamo/discovery";
import { testModelSlots, writeTestModel } from "@dynamo/test-model";
import { onTestFinished } from "vitest";
import { TokenizerPool } from "../../src/index.ts";

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "dynamo-preprocessor-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder with the model's files. */
export function modelFolder(): Promise<string> {
  return writeTestModel(temporaryFolder());
}

export async function cardOf(folder: string, more: Partial<ModelCard> = {}): Promise<ModelCard> {
  const slots = await testModelSlots(folder);
  return textChatCard("mock", { model_input: "Tokens", source_path: folder, ...slots, ...more });
}

/** A pool that is closed after the test. */
export function pool(options: ConstructorParameters<typeof TokenizerPool>[0] = {}): TokenizerPool {
  const made = new TokenizerPool(options);
  onTestFinished(() => made.close());
  return made;
}
