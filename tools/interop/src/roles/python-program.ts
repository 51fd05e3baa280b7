import { Child } from "../child.ts";
import type { Site } from "../site.ts";

const FOLDER = new URL("../../python/", import.meta.url).pathname;

/** Starts one of the programs in `python/` with the site's release. */
export async function startPython(site: Site, program: string, args: readonly string[] = []): Promise<Child> {
  return new Child({
    name: `${program} of ${site.name}`,
    command: await site.surroundings.wheels.pythonOf(site.release),
    args: [`${FOLDER}${program}`, ...args],
    env: await site.environment(),
  });
}
