import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "@dynamo/test-support/free-port";
import { configText } from "./config.ts";
import type { NatsServerConfig } from "./config.ts";
import { findNatsServer } from "./find.ts";

const START_MS = 10_000;
/** After this long a server that was asked to end is killed. */
const STOP_MS = 3_000;

/** Starts a server on a free loopback port. Rejects when there is none to be had, or it doesn't start. */
export async function startNatsServer(config: NatsServerConfig = {}): Promise<NatsServer> {
  const binary = await findNatsServer();
  const folder = await mkdtemp(join(tmpdir(), "nats-server-"));
  const server = new NatsServer({ binary, folder, port: await freePort() }, config);
  await server.start();
  return server;
}

interface Place {
  readonly binary: string;
  readonly folder: string;
  readonly port: number;
}

export class NatsServer implements AsyncDisposable {
  /** Stays the same after a restart. */
  readonly port: number;
  readonly #binary: string;
  readonly #folder: string;
  #config: NatsServerConfig;
  #child: ChildProcess | undefined;
  #output = "";

  /** Use `startNatsServer`. */
  constructor({ binary, folder, port }: Place, config: NatsServerConfig) {
    this.port = port;
    this.#binary = binary;
    this.#folder = folder;
    this.#config = config;
  }

  /** `nats://`, or `tls://` when it has a certificate. */
  get url(): string {
    return `${this.#config.tls ? "tls" : "nats"}://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error("The server does not run");
    return this.#child.pid;
  }

  /** Resolves when the process that runs now has ended, for whatever reason. */
  async ended(): Promise<void> {
    const child = this.#child;
    if (child && !hasEnded(child)) await once(child, "exit");
  }

  /** What the server has logged so far, all its processes together. */
  get output(): string {
    return this.#output;
  }

  /** Starts it again on its port after `stop` or `kill`, with other settings when some are given. */
  async start(config: NatsServerConfig = this.#config): Promise<void> {
    if (this.#child && !hasEnded(this.#child)) throw new Error("nats-server runs already");
    this.#config = config;
    await this.#writeConfig();
    const child = spawn(this.#binary, ["--config", this.#configPath], { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    const endWithUs = (): void => void child.kill("SIGKILL");
    process.once("exit", endWithUs);
    child.once("exit", () => process.removeListener("exit", endWithUs));
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => (this.#output += chunk.toString()));
    }
    await this.#listens(child);
  }

  /** Sends a signal; resolves when SIGKILL or SIGSTOP has had its effect. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child || hasEnded(child)) return;
    const gone = once(child, "exit");
    child.kill(signal);
    if (signal === "SIGKILL") await gone;
    if (signal === "SIGSTOP") await this.#until("it stands still", () => isStopped(child));
  }

  /** Ends the process, in good order if it will. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (!child || hasEnded(child)) return;
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    child.kill("SIGCONT");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await gone;
    clearTimeout(timer);
  }

  async restart(config?: NatsServerConfig): Promise<void> {
    await this.stop();
    await this.start(config);
  }

  /** Makes the running server read other settings; it goes on with its connections. */
  async reload(config: NatsServerConfig): Promise<void> {
    const seen = this.#output.length;
    this.#config = config;
    await this.#writeConfig();
    await this.kill("SIGHUP");
    await this.#until("it has reloaded", async () =>
      this.#output.slice(seen).includes("Reloaded server configuration"),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #configPath(): string {
    return join(this.#folder, "nats.conf");
  }

  async #writeConfig(): Promise<void> {
    await writeFile(this.#configPath, configText(this.#config, this.port, this.#folder));
  }

  /** The server writes where it listens into a file as soon as it does. */
  async #listens(child: ChildProcess): Promise<void> {
    const file = join(this.#folder, `nats-server_${child.pid ?? 0}.ports`);
    await this.#until("it listens", async () => {
      if (hasEnded(child)) throw new Error(`nats-server ended: ${this.#output}`);
      return existsSync(file);
    });
  }

  async #until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + START_MS;
    while (!(await holds())) {
      if (performance.now() > deadline)
        throw new Error(`Waited for nats-server until ${what}: ${this.#output}`);
      await sleep(5);
    }
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** All of its threads; Linux only. */
async function isStopped({ pid = 0 }: ChildProcess): Promise<boolean> {
  const tasks = await readdir(`/proc/${pid}/task`);
  const states = await Promise.all(tasks.map((task) => readFile(`/proc/${pid}/task/${task}/stat`, "utf8")));
  return states.every((state) => /\) [Tt] /.test(state));
}
