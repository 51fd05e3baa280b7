/** Writes the files of a tiny model, the same ones each time. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { modelFiles } from "./files.ts";

export { testModelSlots } from "./card.ts";
export type { TestModelFile } from "./card.ts";
export { MAX_POSITIONS } from "./files.ts";
export { BOS_ID, EOS_ID, SPECIAL_TOKENS, VOCABULARY_SIZE } from "./vocabulary.ts";

/** Makes the folder if need be, and resolves with it. Files that are there are overwritten. */
export async function writeTestModel(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const files = Object.entries(modelFiles());
  await Promise.all(
    files.map(([name, content]) => writeFile(join(folder, name), `${JSON.stringify(content, null, 1)}\n`)),
  );
  return folder;
}
