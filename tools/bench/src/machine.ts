import { availableParallelism, cpus, loadavg, release, type } from "node:os";

/** What a figure depends on besides the programs: processor, cores, Node, system, and what else runs. */
export function machineFacts(): string {
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  const load = (loadavg()[0] ?? 0).toFixed(1);
  return `${model}, ${availableParallelism()} cores, Node ${process.version}, ${type()} ${release()}, load ${load}`;
}
