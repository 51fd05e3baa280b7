/**
 * Dynamo's releases, each in a virtual environment of its own that is kept for the next run.
 */
import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Python } from "./python.ts";

const run = promisify(execFile);
const CACHE = new URL("../node_modules/.cache/wheels/", import.meta.url).pathname;
const INSTALL_MS = 300_000;

export type Distribution = "ai-dynamo-runtime" | "ai-dynamo";

export class Wheels {
  readonly #python: Python;
  readonly #installed = new Map<string, Promise<string>>();

  constructor(python: Python) {
    this.#python = python;
  }

  /** As {@link pythonOf}, but only when it is installed already. */
  async installedPythonOf(
    release: string,
    distribution: Distribution = "ai-dynamo-runtime",
  ): Promise<string | undefined> {
    const path = pathOf(placeOf(this.#python, distribution, release));
    return (await exists(path)) ? path : undefined;
  }

  /**
   * The Python of an environment that has this release. Installs it from the package index when it isn't there.
   * `ai-dynamo` is the whole of Dynamo, with its frontend and mocker; the runtime alone is far smaller.
   */
  pythonOf(release: string, distribution: Distribution = "ai-dynamo-runtime"): Promise<string> {
    const requirement = `${distribution}==${release}`;
    const known = this.#installed.get(requirement) ?? install(this.#python, distribution, release);
    this.#installed.set(requirement, known);
    return known;
  }
}

/** Renamed into place when complete, so that several runs may do this at the same time. */
async function install(python: Python, distribution: Distribution, release: string): Promise<string> {
  const place = placeOf(python, distribution, release);
  const installed = pathOf(place);
  if (await exists(installed)) return installed;
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, "installing-"));
  try {
    await run(python.command, ["-m", "venv", folder]);
    const requirement = `${distribution}==${release}`;
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"];
    await run(join(folder, "bin", "python"), [...pip, requirement], { timeout: INSTALL_MS });
    await rename(folder, place).catch(async (error: unknown) => {
      // Another run was faster.
      if (!(await exists(installed))) throw error;
    });
  } catch (cause) {
    const { stderr = "" } = cause as { stderr?: string };
    throw new Error(
      `${distribution} ${release} could not be installed: ${stderr.trim() === "" ? String(cause) : stderr.trim()}`,
      {
        cause,
      },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return installed;
}

function placeOf(python: Python, distribution: Distribution, release: string): string {
  return join(CACHE, `${distribution}-${release}-py${python.version}`);
}

function pathOf(environment: string): string {
  return join(environment, "bin", "python");
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
