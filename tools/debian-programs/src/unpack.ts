/**
 * Debian packages as folders: fetched with apt-get and extracted, but not installed. Works without root where
 * the lists of packages are there; root fetches those first when they are missing or old.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const CACHE = new URL("../node_modules/.cache/", import.meta.url).pathname;

/** Where the package is once it is unpacked. */
export function unpackedFolder(name: string): string {
  return join(CACHE, name);
}

/** Renamed into place when complete, so that several may do this at the same time. */
export async function unpack(name: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, "unpacking-"));
  try {
    await download(name, folder).catch(async (error: unknown) => {
      // Only root may update the lists; others use those that are there.
      if (process.getuid?.() !== 0) throw error;
      await run("flock", [join(CACHE, "lists.lock"), "apt-get", "update"]);
      await download(name, folder);
    });
    const content = join(folder, "content");
    for (const archive of (await readdir(folder)).filter((file) => file.endsWith(".deb"))) {
      await run("dpkg-deb", ["--extract", join(folder, archive), content]);
    }
    await rename(content, unpackedFolder(name)).catch((error: unknown) => {
      // Somebody else was first.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The folders with shared libraries of what was unpacked. */
export async function librariesIn(root: string): Promise<string[]> {
  const places = ["lib", "usr/lib"].map((place) => join(root, place));
  const found = await Promise.all(
    places.map(async (place) => {
      const files = await readdir(place, { recursive: true, withFileTypes: true }).catch(() => []);
      return files.filter(({ name }) => /\.so\.\d/.test(name)).map((file) => file.parentPath);
    }),
  );
  return [...new Set(found.flat())];
}

async function download(name: string, folder: string): Promise<void> {
  await run("apt-get", ["download", name, ...(await missingLibraries(name))], { cwd: folder });
}

/** Libraries that an installation would bring along, or bring up to date. The C library can't be swapped by a path. */
async function missingLibraries(name: string): Promise<string[]> {
  const options = ["--simulate", "--no-install-recommends"];
  const { stdout } = await run("apt-get", ["install", ...options, name]);
  const installs = stdout.matchAll(/^Inst (?<library>lib\S+)/gm);
  return [...installs]
    .map(({ groups }) => groups?.["library"] ?? "")
    .filter((library) => library !== "libc6");
}
