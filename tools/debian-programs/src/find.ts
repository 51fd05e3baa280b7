import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { librariesIn, unpack, unpackedFolder } from "./unpack.ts";

export interface WantedProgram {
  readonly name: string;
  /** The package of Debian that has it. */
  readonly package: string;
}

export interface FoundProgram {
  readonly path: string;
  /** What it needs in its environment: the way to libraries that are not installed. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Where Debian's packages put programs. The PATH of ordinary users leaves the second one out. */
const DEBIAN_FOLDERS = ["/usr/bin", "/usr/sbin"];

/** A program that is on this machine: on the PATH, where Debian puts it, or unpacked before. */
export async function installedProgram(wanted: WantedProgram): Promise<FoundProgram | undefined> {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...DEBIAN_FOLDERS];
  const path = await firstExecutable(folders, wanted.name);
  return path === undefined ? unpackedProgram(wanted) : { path, environment: {} };
}

/**
 * The same, or else the one of Debian's package, which is fetched once and unpacked beside this tool without
 * being installed. Rejects with the reason when that can't be done.
 */
export async function findProgram(wanted: WantedProgram): Promise<FoundProgram> {
  const found = await installedProgram(wanted);
  if (found) return found;
  try {
    await unpack(wanted.package);
  } catch (cause) {
    throw notFound(wanted, cause instanceof Error ? cause.message : String(cause), cause);
  }
  const unpacked = await unpackedProgram(wanted);
  if (!unpacked) throw notFound(wanted, "the package has no such program");
  return unpacked;
}

async function unpackedProgram(wanted: WantedProgram): Promise<FoundProgram | undefined> {
  const root = unpackedFolder(wanted.package);
  const folders = DEBIAN_FOLDERS.map((folder) => join(root, folder));
  const path = await firstExecutable(folders, wanted.name);
  if (path === undefined) return undefined;
  const libraries = await librariesIn(root);
  const inherited = process.env["LD_LIBRARY_PATH"];
  const search = [...libraries, ...(inherited === undefined ? [] : [inherited])];
  return { path, environment: libraries.length === 0 ? {} : { LD_LIBRARY_PATH: search.join(delimiter) } };
}

async function firstExecutable(folders: readonly string[], name: string): Promise<string | undefined> {
  for (const folder of folders) {
    const path = join(folder, name);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (folder !== "" && isThere) return path;
  }
  return undefined;
}

function notFound({ name, package: from }: WantedProgram, reason: string, cause?: unknown): Error {
  const message = `There is no ${name} on this machine, and none could be unpacked from Debian's package ${from}`;
  return new Error(`${message}: ${reason.trim()}`, { cause });
}
