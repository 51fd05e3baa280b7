/**
 * A program that was started for the suite and speaks to it in lines of JSON. It ends when its input does, so it
 * can't outlive the suite; its last words are kept.
 */
import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { parseJson, stringifyJson } from "@dynamo/request-plane-core";
import { within } from "./waiting.ts";

const MARK = "@interop ";
const LAST_LINES = 30;
const START_MS = 60_000;
const END_MS = 5_000;

export interface ChildSpec {
  /** For messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

export class Child implements AsyncDisposable {
  readonly name: string;
  /** Resolves when the process has ended. Never rejects. */
  readonly ended: Promise<void>;
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #messages = new EventEmitter<{ message: [object] }>();
  readonly #lines: string[] = [];

  constructor({ name, command, args, env }: ChildSpec) {
    this.name = name;
    this.#process = spawn(command, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    const { stdin, stdout, stderr } = this.#process;
    // Who writes to a process that is gone learns of it by its end.
    stdin.on("error", () => undefined);
    createInterface({ input: stdout }).on("line", (line) => this.#hear(line));
    createInterface({ input: stderr }).on("line", (line) => this.#remember(line));
    this.ended = once(this.#process, "close").then(
      () => undefined,
      (error: unknown) => this.#remember(String(error)),
    );
    const kill = (): void => void this.#process.kill("SIGKILL");
    process.once("exit", kill);
    void this.ended.then(() => process.off("exit", kill));
  }

  /** What it has said last. */
  get log(): string {
    return this.#lines.join("\n");
  }

  /** The first message that has this key. Rejects when it ends before, or says `failed`. */
  async message<T extends object>(key: string, timeoutMs: number = START_MS): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const listener = (message: object): void => {
      if (key in message) resolve(message as T);
      else if ("failed" in message) reject(new Error(String(message.failed)));
    };
    this.#messages.on("message", listener);
    try {
      return await this.whileAlive(within(`'${key}' of ${this.name}`, promise, timeoutMs));
    } finally {
      this.#messages.off("message", listener);
    }
  }

  /** The same promise, or a rejection when it ends before. Who rejects tells its last words. */
  async whileAlive<T>(promise: Promise<T>): Promise<T> {
    const gone = this.ended.then(() => Promise.reject(new Error(this.#end())));
    try {
      return await Promise.race([promise, gone]);
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${what}:\n${this.log}`, { cause });
    }
  }

  onMessage(listener: (message: object) => void): void {
    this.#messages.on("message", listener);
  }

  send(message: object): void {
    this.#process.stdin.write(`${stringifyJson(message)}\n`);
  }

  /** Resolves when it is gone, if the signal is one that ends it at once. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.#process.kill(signal);
    if (signal === "SIGKILL") await this.ended;
  }

  /** Ends its input, and it when that takes too long. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.stdin.end();
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), END_MS);
    await this.ended;
    clearTimeout(timer);
  }

  #hear(line: string): void {
    if (!line.startsWith(MARK)) {
      this.#remember(line);
      return;
    }
    const message = parseJson(line.slice(MARK.length)) as object;
    if ("failed" in message) this.#remember(String(message.failed));
    this.#messages.emit("message", message);
  }

  #remember(line: string): void {
    this.#lines.push(line.slice(0, 1000));
    if (this.#lines.length > LAST_LINES) this.#lines.shift();
  }

  #end(): string {
    const { exitCode, signalCode } = this.#process;
    return `${this.name} ended with ${signalCode ?? `exit code ${String(exitCode)}`}`;
  }
}
