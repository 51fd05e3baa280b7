/**
 * Runs one subject in one case under node's profiler, in fresh processes.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { topSelfTimes } from "./cpu-profile.ts";
import type { CpuProfile } from "./cpu-profile.ts";
import { flameGraphOf } from "./flame-graph.ts";
import type { Plan } from "./measure.ts";
import { Pair } from "./pair.ts";
import type { PairOptions } from "./pair.ts";
import { formatTable } from "./report.ts";
import type { Subject } from "./subject.ts";
import type { BenchCase } from "./workload.ts";

const TOP = 12;
const ROLES = ["client", "server"] as const;

export interface ProfileOptions {
  readonly pair: PairOptions;
  /** Where the files go. Made when it is not there. */
  readonly folder: string;
  readonly plan: Plan;
}

/** Writes two profiles, each also as a flame graph, and returns their top entries as text. */
export async function profile(
  subject: Subject,
  benchCase: BenchCase,
  options: ProfileOptions,
): Promise<string> {
  if ("clientProgram" in subject)
    throw new Error(`${subject.name} is no program of Node: it can't be profiled`);
  const folder = resolve(options.folder);
  await mkdir(folder, { recursive: true });
  const fileOf = (role: string): string => `${benchCase.name}.${subject.name}.${role}.cpuprofile`;
  const { warmUpMs, roundMs, rounds } = options.plan;
  const speed = await (async () => {
    await using pair = await Pair.start(subject, {
      ...options.pair,
      nodeOptions: (role) => ["--cpu-prof", `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${fileOf(role)}`],
    });
    return await pair.run(benchCase, { ms: warmUpMs + roundMs * rounds });
  })();
  const parts = await Promise.all(ROLES.map((role) => describe(role, join(folder, fileOf(role)))));
  const head = `${benchCase.name}, ${subject.name}: ${Math.round(speed.perSecond)} items/s under the profiler`;
  return [head, ...parts].join("\n\n");
}

async function describe(role: string, path: string): Promise<string> {
  const cpuProfile = JSON.parse(await readFile(path, "utf8")) as CpuProfile;
  await writeFile(path.replace(/cpuprofile$/, "svg"), flameGraphOf(cpuProfile, basename(path)));
  const entries = topSelfTimes(cpuProfile, TOP);
  const lines = entries.map(({ where, ms, share }) => [where, `${(share * 100).toFixed(1)}%`, ms.toFixed(0)]);
  return `${role} (${path})\n${formatTable([["function", "busy", "ms"], ...lines])}`;
}
