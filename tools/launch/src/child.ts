/**
 * One child process: its last words are kept, and it can't outlive the launcher.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

const TETHER = new URL("tether.ts", import.meta.url).href;
const LAST_LINES = 20;

export interface ChildSpec {
  /** For messages. */
  readonly name: string;
  /** What runs the program. Default: Node, with the tether. Any other has to end when the channel closes. */
  readonly interpreter?: readonly [command: string, ...args: string[]];
  /** Path of the program. */
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

export class Child {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #lastLines: string[] = [];
  /** Resolves when the process has ended and its output has been read. Never rejects. */
  readonly ended: Promise<void>;

  constructor({ name, interpreter, program, args, env }: ChildSpec) {
    this.name = name;
    const [command, ...first] = interpreter ?? [process.execPath, "--import", TETHER];
    // A group of its own: Ctrl-C reaches the launcher alone, which ends the children in order.
    this.#process = spawn(command, [...first, program, ...args], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      detached: true,
      env,
    });
    for (const output of [this.#process.stdout, this.#process.stderr]) if (output) this.#keepLines(output);
    this.ended = once(this.#process, "close").then(
      () => this.kill(),
      (error: unknown) => this.#remember(String(error)),
    );
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** What it sends first. Rejects with its obituary when it ends before. */
  async firstMessage(): Promise<unknown> {
    const end = this.ended.then(() => Promise.reject(new Error(this.obituary())));
    const [message] = (await Promise.race([once(this.#process, "message"), end])) as unknown[];
    return message;
  }

  /** How it ended and what it said last. */
  obituary(): string {
    const { exitCode, signalCode } = this.#process;
    const how = signalCode ? `was killed by ${signalCode}` : `ended with exit code ${String(exitCode)}`;
    const words = this.#lastLines.length > 0 ? ` Its last lines:\n  ${this.#lastLines.join("\n  ")}` : "";
    return `${this.name} (pid ${String(this.pid)}) ${how}.${words}`;
  }

  /** Asks it to end, and kills it when it takes longer than that. Resolves when it is gone. */
  async end(patienceMs: number): Promise<void> {
    const timer = new AbortController();
    this.#process.kill("SIGTERM");
    const tooLate = sleep(patienceMs, "late", { signal: timer.signal }).catch(() => "cancelled");
    if ((await Promise.race([this.ended, tooLate])) === "late") this.kill();
    timer.abort();
    await this.ended;
  }

  /** Together with what it started and left behind. */
  kill(): void {
    if (this.pid === undefined) return;
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch {
      // Nobody is left in its group.
    }
  }

  #keepLines(output: Readable): void {
    createInterface({ input: output }).on("line", (line) => this.#remember(line));
  }

  #remember(line: string): void {
    this.#lastLines.push(line);
    if (this.#lastLines.length > LAST_LINES) this.#lastLines.shift();
  }
}
