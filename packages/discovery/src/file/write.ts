/**
 * The two ways in which Dynamo's releases write a record.
 */
import { randomBytes } from "node:crypto";
import { link, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isMissing } from "./errors.ts";

/** Files of this prefix are being written; readers of the layout 0.8 pass over them. */
export const TEMPORARY_PREFIX = ".tmp_";

/**
 * Writes the whole text; whoever reads meanwhile sees either the old file or the new one. A new file is linked
 * to its name and not renamed to it, because a watcher of 0.8 looks at created files and not at renamed ones.
 */
export async function writeAtomically(path: string, text: string): Promise<void> {
  await inDirectoryOf(path, async () => {
    const temporary = join(dirname(path), TEMPORARY_PREFIX + randomBytes(8).toString("hex"));
    try {
      await writeFile(temporary, text, { flag: "wx" });
      if (!(await linkNew(temporary, path))) await rename(temporary, path);
    } finally {
      await rm(temporary, { force: true });
    }
  });
}

/** Whether the name was free and is now the file's. */
async function linkNew(file: string, name: string): Promise<boolean> {
  try {
    await link(file, name);
    return true;
  } catch {
    // The name is taken, or this file system has no links.
    return false;
  }
}

/** Writes in place, as 0.7 does: its readers would take a temporary file for a record, and don't look at renames. */
export async function writeInPlace(path: string, text: string): Promise<void> {
  await inDirectoryOf(path, () => writeFile(path, text));
}

/** Makes the directory when it is missing, and once more when somebody takes it away in between. */
async function inDirectoryOf(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!isMissing(error)) throw error;
    await mkdir(dirname(path), { recursive: true });
    await write();
  }
}
