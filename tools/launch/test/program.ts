/**
 * A program of this workspace as a process of its own, which can't outlive the test.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const TETHER = new URL("../src/tether.ts", import.meta.url).href;
const GARBAGE_COLLECTOR = new URL("collect-on-signal.ts", import.meta.url).href;
/** Longer than any drain of the tests, so that only a process that hangs is killed. */
const PATIENCE_MS = 15_000;
const START_MS = 30_000;
const LAST_CHARACTERS = 2_000;

export class Program {
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  #log = "";

  constructor(app: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.#name = app;
    const preloaded = ["--import", TETHER, "--import", GARBAGE_COLLECTOR];
    this.#process = spawn(process.execPath, [...preloaded, pathOf(app), ...args], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      env,
    });
    this.#process.stderr?.on("data", (data) => (this.#log += String(data)));
    this.#ended = once(this.#process, "close");
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Resolves with what the pattern's group matches in the log. Rejects when the program ends before. */
  async says(pattern: RegExp): Promise<string> {
    const deadline = performance.now() + START_MS;
    for (;;) {
      const [, found] = pattern.exec(this.#log) ?? [];
      if (found !== undefined) return found;
      if (!this.isRunning || performance.now() > deadline)
        throw new Error(`It did not say ${String(pattern)}: ${this.obituary()}`);
      await sleep(20);
    }
  }

  /** Asks it to end. Resolves with how it ended: `exit code 0` when all was well. */
  async terminate(): Promise<string> {
    const tooLate = setTimeout(() => this.kill(), PATIENCE_MS);
    this.#process.kill("SIGTERM");
    await this.#ended;
    clearTimeout(tooLate);
    return this.#process.exitCode === 0 ? "exit code 0" : this.obituary();
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  obituary(): string {
    const { exitCode, signalCode } = this.#process;
    const state = this.isRunning
      ? "is running"
      : `ended with ${signalCode ?? `exit code ${String(exitCode)}`}`;
    return `${this.#name} (pid ${this.pid}) ${state}. Its last words:\n${this.#log.slice(-LAST_CHARACTERS)}`;
  }

  /** Resident memory in kilobytes, without garbage. */
  async memoryInUse(): Promise<number> {
    this.#process.kill("SIGUSR2");
    // Nothing tells when the pages are back with the system; it takes some milliseconds.
    await sleep(1_000);
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, "utf8"))?.[1]);
  }

  /** Open files and sockets. */
  get descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }
}

/** The path of the one program of an app of this workspace. */
function pathOf(app: string): string {
  const manifest = new URL(`../../../apps/${app}/package.json`, import.meta.url);
  const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as { bin: Record<string, string> };
  return fileURLToPath(new URL(Object.values(bin)[0] ?? "", manifest));
}
