/**
 * A process that the bench started: every answer has a time limit, and it is gone when it was disposed of.
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { AskUsage, Failed, Hold, Run, Stop } from "./messages.ts";

/** Longer than a process takes to give up closing by itself. */
const PATIENCE_MS = 5_000;

export interface ProcessSpec {
  /** For messages. */
  readonly name: string;
  readonly program: URL;
  /** What runs the program and speaks Node's IPC, such as a Python. Default: this Node. */
  readonly interpreter?: string | undefined;
  readonly args?: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Options of the interpreter itself. */
  readonly options?: readonly string[];
  /** Kills the process. */
  readonly signal?: AbortSignal | undefined;
  /** How it is killed. Default: SIGKILL, which leaves it no time for what it started itself. */
  readonly killSignal?: NodeJS.Signals;
}

export class BenchProcess<Reply extends { readonly type: string }> implements AsyncDisposable {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #killSignal: NodeJS.Signals;
  readonly #gone: Promise<void>;

  constructor({ name, program, args = [], env, ...more }: ProcessSpec) {
    const { interpreter, options = [], signal, killSignal = "SIGKILL" } = more;
    this.name = name;
    this.#killSignal = killSignal;
    this.#child = fork(program, args, {
      env,
      execArgv: [...options],
      ...(interpreter !== undefined && { execPath: interpreter }),
      signal,
      killSignal,
    });
    this.#gone = new Promise<void>((resolve) => {
      this.#child.once("exit", () => resolve());
      this.#child.on("error", () => {
        // An error of something that never started is all that will come of it.
        if (this.#child.pid === undefined) resolve();
      });
    });
    // Whatever ends the bench ends its processes.
    process.once("exit", this.#kill);
    void this.#gone.then(() => process.off("exit", this.#kill));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Its next message. Rejects when it says that it failed, when it is gone, and when it takes too long. */
  async receive(timeoutMs: number): Promise<Reply> {
    const settled = new AbortController();
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([settled.signal, timeout]);
    try {
      const message = once(this.#child, "message", { signal }) as Promise<[Reply | Failed]>;
      const answer = await Promise.race([message.catch(() => undefined), this.#gone]);
      if (timeout.aborted) throw new Error(`${this.name} did not answer within ${timeoutMs} ms`);
      if (!answer) return await this.#failGone();
      const [reply] = answer;
      if (isFailed(reply)) throw new Error(`${this.name}: ${reply.message}`);
      return reply;
    } finally {
      settled.abort();
    }
  }

  send(message: Run | Hold | Stop | AskUsage): void {
    if (this.#child.connected) this.#child.send(message);
  }

  /** Asks it to end, kills it when it doesn't, and resolves when it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.send({ type: "stop" });
    const timer = setTimeout(this.#kill, PATIENCE_MS);
    await this.#gone;
    clearTimeout(timer);
  }

  async #failGone(): Promise<never> {
    await this.#gone;
    const { exitCode, signalCode } = this.#child;
    throw new Error(`${this.name} ended with ${signalCode ?? `exit code ${String(exitCode)}`}`);
  }

  readonly #kill = (): void => {
    this.#child.kill(this.#killSignal);
  };
}

function isFailed(message: { readonly type: string }): message is Failed {
  return message.type === "failed";
}
