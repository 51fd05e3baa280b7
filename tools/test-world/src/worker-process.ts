import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isEndpointRecord, parseJson } from "@dynamo/request-plane-core";
import type { DiscoveryRecord, EndpointRecord } from "@dynamo/request-plane-core";
import { until } from "@dynamo/test-support";
import type { TransportWorld, WorldSetup } from "./world.ts";

/** A worker in a process of its own, entered into the world's discovery by hand. Its program calls `serveOrders`. */
export class WorkerProcess {
  readonly record: EndpointRecord;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: string[];

  private constructor(child: ChildProcessWithoutNullStreams, lines: string[]) {
    this.#child = child;
    this.#lines = lines;
    const record = parseJson(lines[0] ?? "") as DiscoveryRecord;
    if (!isEndpointRecord(record)) throw new Error(`The worker process printed no record: ${lines[0] ?? ""}`);
    // A small id was read as a number.
    this.record = { ...record, instance_id: BigInt(String(record.instance_id)) };
  }

  static async start(
    world: TransportWorld<WorldSetup>,
    program: URL,
    args: readonly string[] = [],
  ): Promise<WorkerProcess> {
    const child = spawn(process.execPath, [fileURLToPath(program), ...args]);
    const lines: string[] = [];
    let errors = "";
    child.stdout.on("data", (chunk: Buffer) => lines.push(...chunk.toString().trim().split("\n")));
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
    const exited = once(child, "exit");
    world.onEnd(async () => {
      child.kill("SIGKILL");
      await exited;
    });
    await until("the worker process serves", () => {
      if (child.exitCode !== null) throw new Error(`The worker process ended: ${errors}`);
      return lines.length > 0;
    });
    const worker = new WorkerProcess(child, lines);
    world.discovery.put(worker.record);
    return worker;
  }

  has(line: string): boolean {
    return this.#lines.includes(line);
  }

  /** Kills the process and waits until the system has taken it away, with its sockets. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await until("the process is gone", () => this.#child.signalCode !== null);
  }

  signal(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    this.#child.kill(signal);
  }

  /** Stops the process as a whole and waits until the system has done so. */
  async freeze(): Promise<void> {
    this.signal("SIGSTOP");
    await until("the process is stopped", () => stateOf(this.#child.pid ?? 0) === "T");
  }
}

/** The third field of `/proc/pid/stat`, behind a name in parentheses. */
function stateOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
}
