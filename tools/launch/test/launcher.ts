/**
 * The launcher as npm starts it: a process with a tree of children.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";

export const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

export class Launcher {
  readonly process: ChildProcess;
  readonly ended: Promise<number | null>;
  /** Stands for the system's folder of temporary files. */
  readonly folder = mkdtempSync(join(tmpdir(), "launch-test-"));
  stdout = "";
  stderr = "";

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.process = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"], TMPDIR: this.folder, ...env },
    });
    this.process.stdout?.on("data", (data) => (this.stdout += String(data)));
    this.process.stderr?.on("data", (data) => (this.stderr += String(data)));
    this.ended = once(this.process, "close").then(([code]) => code as number | null);
    onTestFinished(() => {
      for (const pid of [this.process.pid, ...this.left()])
        if (pid && isAlive(pid)) process.kill(pid, "SIGKILL");
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  /** The children's process ids by name, as the launcher shows them. */
  pids(name = ""): number[] {
    const lines = this.stdout.matchAll(/^(.+): pid (\d+)$/gm);
    return [...lines].filter(([, child]) => child?.startsWith(name)).map(([, , pid]) => Number(pid));
  }

  /** The servers whose configuration is in the folder; Linux only. */
  natsServers(): number[] {
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    return pids.filter((pid) => commandOf(pid).includes(`${this.folder}/nats-server-`)).map(Number);
  }

  /** The processes that the launcher started and that run now. */
  left(): number[] {
    return [...this.pids().filter(isAlive), ...this.natsServers()];
  }

  /** Resolves when the answer was shown and the launcher stays up. */
  async up(): Promise<void> {
    await this.says("Ctrl-C ends everything.");
    expect([...this.pids("frontend"), ...this.pids("worker")]).toHaveLength(3);
  }

  async says(text: string): Promise<void> {
    const said = () => (this.stdout.includes(text) ? text : this.stdout + this.stderr);
    await expect.poll(said, { timeout: 30_000 }).toBe(text);
  }

  /** No process is left, and no file when the launcher could still see to that. */
  async expectNothingLeft(): Promise<void> {
    await expect.poll(() => this.left()).toEqual([]);
    const folders = readdirSync(this.folder).filter((name) => /^(dynamo-launch|nats-server)-/.test(name));
    expect(folders).toEqual([]);
  }
}

/** Empty for a process that is gone, or gone but for its exit code. */
function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

/** Signal 0 only asks. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Asks again and again, until the answer is yes or a minute has passed. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error("It did not come true within a minute");
    await sleep(50);
  }
}
