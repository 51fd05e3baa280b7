import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { matches } from "./match.ts";

const outputLimitMs = 30_000;
const stopLimitMs = 10_000;

/** A snippet that runs under this Node. Its methods give undefined when all is well, else what is wrong. */
export class Program {
  readonly #file: string;
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #stdout = "";
  #stderr = "";

  constructor(file: string, args: string[], options: { cwd: string; env: NodeJS.ProcessEnv }) {
    this.#file = file;
    this.#child = spawn(process.execPath, [file, ...args], { ...options, stdio: ["ignore", "pipe", "pipe"] });
    this.#closed = once(this.#child, "close");
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.#stdout += text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
  }

  /** Waits until the program has printed these lines first; it may go on and print more. */
  async prints(expected: string[]): Promise<string | undefined> {
    const limit = performance.now() + outputLimitMs;
    while (!matches([...expected, "…"], this.#lines)) {
      if (this.#ended) return `ended before it printed what was expected\n${this.#story(expected)}`;
      if (performance.now() > limit) return `did not print what was expected\n${this.#story(expected)}`;
      await delay(20);
    }
    return undefined;
  }

  /** Waits for the end: exit code 0, with exactly these lines printed. */
  async endsWith(expected: string[]): Promise<string | undefined> {
    const inTime = await this.#closesWithin(outputLimitMs);
    if (!inTime) {
      this.#child.kill("SIGKILL");
      return `did not end\n${this.#story(expected)}`;
    }
    const well = this.#child.exitCode === 0 && matches(expected, this.#lines);
    return well ? undefined : `ended otherwise\n${this.#story(expected)}`;
  }

  /** Asks the program to stop, and insists after a while. */
  async stop(): Promise<string | undefined> {
    const before = this.#ended;
    this.#child.kill("SIGTERM");
    if (await this.#closesWithin(stopLimitMs)) {
      return before ? `${this.#file} ended on its own\n${this.#story([])}` : undefined;
    }
    this.#child.kill("SIGKILL");
    await this.#closed;
    return `${this.#file} did not stop on SIGTERM`;
  }

  get #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get #lines(): string[] {
    return this.#stdout === "" ? [] : this.#stdout.replace(/\n$/, "").split("\n");
  }

  async #closesWithin(ms: number): Promise<boolean> {
    const cancel = new AbortController();
    const tooLate = delay(ms, false, { signal: cancel.signal }).catch(() => false);
    const inTime = await Promise.race([this.#closed.then(() => true), tooLate]);
    cancel.abort();
    return inTime;
  }

  #story(expected: string[]): string {
    const { exitCode, signalCode } = this.#child;
    const end = `exit code: ${exitCode ?? signalCode ?? "none yet"}`;
    return [`expected:`, ...expected, "printed:", ...this.#lines, end, this.#stderr].join("\n");
  }
}
