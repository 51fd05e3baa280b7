import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findProgram, programForTests } from "@dynamo/debian-programs";
import type { FoundProgram } from "@dynamo/debian-programs";
import { freePort } from "@dynamo/test-support/free-port";

const ETCD = { name: "etcd", package: "etcd-server" };
const READY = /ready to serve client requests|serving (insecure )?client requests/;
const READY_WITHIN_MS = 30_000;

/** Whether tests can have one. When not, that is said on standard error; where `CI` is set it is an error. */
export async function hasEtcdServer(): Promise<boolean> {
  return (await programForTests(ETCD)) !== undefined;
}

export interface Tls {
  readonly cert: string;
  readonly key: string;
  /** Clients must show a certificate that this one signed. */
  readonly clientCa?: string;
}

/** Resolves when it answers. Rejects when there is none to be had. */
export async function startEtcdServer(tls?: Tls): Promise<EtcdServer> {
  const program = await findProgram(ETCD);
  const server = new EtcdServer(program, await mkdtemp(join(tmpdir(), "etcd-")), await freePort(), tls);
  await server.start();
  return server;
}

export class EtcdServer implements AsyncDisposable {
  readonly #program: FoundProgram;
  readonly #folder: string;
  readonly #tls: Tls | undefined;
  /** Stays the same after a restart. */
  readonly port: number;
  #child: ChildProcess | undefined;
  #output = "";

  constructor(found: FoundProgram, folder: string, port: number, tls: Tls | undefined) {
    this.#program = found;
    this.#folder = folder;
    this.port = port;
    this.#tls = tls;
  }

  get url(): string {
    return `${this.#tls ? "https" : "http"}://127.0.0.1:${this.port}`;
  }

  /** Starts it, also again after `kill`. Resolves when it answers. */
  async start(): Promise<void> {
    if (this.#child?.exitCode === null && this.#child.signalCode === null)
      throw new Error("etcd runs already");
    const peer = `http://127.0.0.1:${await freePort()}`;
    const options = {
      "data-dir": join(this.#folder, "data"),
      "listen-client-urls": this.url,
      "advertise-client-urls": this.url,
      "listen-peer-urls": peer,
      "initial-advertise-peer-urls": peer,
      "initial-cluster": `default=${peer}`,
      // So that short leases are allowed: etcd takes none below three election time-outs.
      "heartbeat-interval": "50",
      "election-timeout": "500",
      ...(this.#tls && { "cert-file": this.#tls.cert, "key-file": this.#tls.key }),
      ...(this.#tls?.clientCa !== undefined && {
        "trusted-ca-file": this.#tls.clientCa,
        "client-cert-auth": "true",
      }),
    };
    const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
    const env = { ...process.env, ...this.#program.environment };
    const child = spawn(this.#program.path, args, { env, stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    const endWithUs = (): void => void child.kill("SIGKILL");
    process.once("exit", endWithUs);
    child.once("exit", () => process.removeListener("exit", endWithUs));
    const from = this.#output.length;
    child.stderr.on("data", (chunk: Buffer) => (this.#output += chunk.toString()));
    const deadline = performance.now() + READY_WITHIN_MS;
    while (!READY.test(this.#output.slice(from))) {
      if (child.exitCode !== null) throw new Error(`etcd ended: ${this.#output}`);
      if (performance.now() > deadline) throw new Error(`etcd is not ready: ${this.#output}`);
      await sleep(10);
    }
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }

  /** Forgets everything. The server must not run. */
  async wipe(): Promise<void> {
    await rm(join(this.#folder, "data"), { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** A call of etcd's JSON gateway, as an administrator makes it. */
  async admin(path: string, body: object, token?: string): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.url}/v3/${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      ...(token !== undefined && { headers: { authorization: token } }),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer;
  }
}
