import { Command, Option } from "commander";
import { ALL_RELEASES, DEFAULT_RELEASES, PLANES } from "./releases.ts";
import type { Plane, Release } from "./releases.ts";

export interface InteropOptions {
  readonly releases: readonly Release[];
  readonly planes: readonly Plane[];
  /** Cells whose section or name has this text. */
  readonly only: string | undefined;
  readonly concurrency: number;
  /** Nothing is run. */
  readonly installsOnly: boolean;
  /** Whether all cells of the releases are run, so that the page may say so. */
  readonly isWhole: boolean;
}

/** Prints and ends the process after `--help` (exit code 0) and after a mistake (exit code 2). */
export function parseOptions(args: readonly string[]): InteropOptions {
  const command = new Command("npm run interop --")
    .description("Runs the packages against real Dynamo processes, both ways, and writes docs/interop.md.")
    .option("--all", `all releases: ${ALL_RELEASES.join(", ")}`)
    .addOption(new Option("--release <release...>", "only these").choices(ALL_RELEASES).conflicts("all"))
    .addOption(new Option("--plane <plane...>", "only these; the page is not written").choices(PLANES))
    .option("--only <text>", "only cells that have this in their name or section; the page is not written")
    .option("--concurrency <count>", "releases and planes at the same time", Number, 4)
    .option("--install", "only install the releases, so that a later run begins at once")
    .helpOption("-h, --help", "show this")
    .allowExcessArguments(false)
    .exitOverride(({ exitCode }) => process.exit(exitCode && 2))
    .parse(args, { from: "user" });
  const given = command.opts<{
    all?: true;
    release?: readonly Release[];
    plane?: readonly Plane[];
    only?: string;
    concurrency: number;
    install?: true;
  }>();
  if (!(Number.isInteger(given.concurrency) && given.concurrency > 0)) {
    command.error("--concurrency expects a whole number above 0");
  }
  return {
    releases: given.all ? ALL_RELEASES : (given.release ?? DEFAULT_RELEASES),
    planes: given.plane ?? PLANES,
    only: given.only,
    concurrency: given.concurrency,
    installsOnly: given.install ?? false,
    isWhole: given.plane === undefined && given.only === undefined,
  };
}
