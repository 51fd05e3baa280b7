import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "@dynamo/request-plane-core";
import { textOf } from "../text-of.ts";
import { isMissing } from "./errors.ts";

/**
 * Deletes the files of a directory that nobody touched for so many milliseconds, whoever wrote them and whatever
 * they hold, as Dynamo does: a process that was killed leaves its files, half-written ones among them.
 */
export async function sweep(
  directory: string,
  { olderThanMs, logger }: { readonly olderThanMs: number; readonly logger: Logger },
): Promise<void> {
  try {
    const files = (await readdir(directory, { withFileTypes: true })).filter((entry) => entry.isFile());
    for (const { name } of files) await removeIfOld(join(directory, name), olderThanMs);
  } catch (error) {
    logger.debug({ directory, error }, `Can't sweep ${directory}: ${textOf(error)}`);
  }
}

async function removeIfOld(path: string, olderThanMs: number): Promise<void> {
  try {
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > olderThanMs) await rm(path, { force: true });
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
