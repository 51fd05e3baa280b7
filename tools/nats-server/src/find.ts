import { execFile } from "node:child_process";
import { access, constants, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const CACHE = new URL("../node_modules/.cache/nats-server/", import.meta.url).pathname;
/** Where Debian's package puts it, which the PATH of ordinary users leaves out. */
const DEBIAN_FOLDER = "/usr/sbin";

/** The path of a `nats-server` that is on this machine: on the PATH, where Debian puts it, or fetched before. */
export async function installedNatsServer(): Promise<string | undefined> {
  return firstExecutable([
    ...(process.env["PATH"] ?? "").split(delimiter),
    DEBIAN_FOLDER,
    join(CACHE, DEBIAN_FOLDER),
  ]);
}

/**
 * The same, or else the one of Debian's package, which is fetched once and unpacked beside this tool without
 * being installed. `undefined` when there is none to be had.
 */
export async function findNatsServer(): Promise<string | undefined> {
  const found = await installedNatsServer();
  if (found !== undefined) return found;
  await unpackFromDebian().catch(() => undefined);
  return firstExecutable([join(CACHE, DEBIAN_FOLDER)]);
}

async function firstExecutable(folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const path = join(folder, "nats-server");
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (folder !== "" && isThere) return path;
  }
  return undefined;
}

/** Renamed into place when complete, so that several may do this at the same time. */
async function unpackFromDebian(): Promise<void> {
  await mkdir(join(CACHE, ".."), { recursive: true });
  const folder = await mkdtemp(join(CACHE, "..", "unpacking-"));
  try {
    // Only root may update the lists; others use those that are there.
    if (process.getuid?.() === 0) await run("apt-get", ["update"]).catch(() => undefined);
    await run("apt-get", ["download", "nats-server"], { cwd: folder });
    const [archive = ""] = (await readdir(folder)).filter((name) => name.endsWith(".deb"));
    await run("dpkg-deb", ["--extract", join(folder, archive), join(folder, "content")]);
    await rename(join(folder, "content"), CACHE);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
