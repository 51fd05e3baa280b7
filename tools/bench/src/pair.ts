/**
 * One subject at work: a process that serves and a process that calls.
 */
import { join } from "node:path";
import { BenchProcess } from "./bench-process.ts";
import type { Limit, Sample } from "./load.ts";
import type { ClientReady, Done, ServerReady, Usage } from "./messages.ts";
import type { Subject } from "./subject.ts";
import type { BenchCase } from "./workload.ts";

const CLIENT_PROGRAM = new URL("client-program.ts", import.meta.url);
const START_TIMEOUT_MS = 30_000;
/** How much longer than planned a round may take. */
const ROUND_TIMEOUT_MS = 60_000;

export interface PairOptions {
  /** The folder in which server and client of the library find each other. */
  readonly discoveryRoot: string;
  /** Where NATS runs, for subjects that need it. */
  readonly natsUrl?: string | undefined;
  /** Options of node for each of the two. */
  readonly nodeOptions?: (role: "server" | "client") => readonly string[];
  /** Kills both. */
  readonly signal?: AbortSignal;
}

/** A sample with what both processes spent on it; other work on the machine shows less in this than in the clock. */
export interface MeasuredSample extends Sample {
  /** Processor time of both processes for one call, in microseconds. */
  readonly cpuUsPerCall: number;
}

export class Pair implements AsyncDisposable {
  readonly subject: Subject;
  readonly #server: BenchProcess<ServerReady | Usage>;
  readonly #client: BenchProcess<ClientReady | Done | Usage>;

  private constructor(
    subject: Subject,
    server: BenchProcess<ServerReady | Usage>,
    client: BenchProcess<ClientReady | Done | Usage>,
  ) {
    this.subject = subject;
    this.#server = server;
    this.#client = client;
  }

  /** Resolves when the client is connected. Leaves nothing behind when it rejects. */
  static async start(subject: Subject, options: PairOptions): Promise<Pair> {
    await using started = new AsyncDisposableStack();
    const env = environment(options, subject);
    const specOf = (role: "server" | "client", program: URL) => ({
      name: `${role} of ${subject.name}`,
      program,
      env,
      nodeOptions: options.nodeOptions?.(role) ?? [],
      signal: options.signal,
    });
    const server = started.use(
      new BenchProcess<ServerReady | Usage>({
        ...specOf("server", subject.serverProgram),
        args: subject.serverArgs ?? [],
      }),
    );
    const ready = await server.receive(START_TIMEOUT_MS);
    if (ready.type !== "ready") throw new Error(`${server.name} said '${ready.type}' instead of 'ready'`);
    const args = [subject.name, ready.address];
    const client = started.use(
      new BenchProcess<ClientReady | Done | Usage>({ ...specOf("client", CLIENT_PROGRAM), args }),
    );
    await client.receive(START_TIMEOUT_MS);
    started.move();
    return new Pair(subject, server, client);
  }

  /** The ids of both processes. */
  get pids(): readonly (number | undefined)[] {
    return [this.#server.pid, this.#client.pid];
  }

  /** Rejects when a call failed or when one of the two processes is gone. */
  async run(benchCase: BenchCase, limit: Limit): Promise<MeasuredSample> {
    const before = await this.#cpuMs();
    this.#client.send({ type: "run", case: benchCase.name, limit });
    const reply = await this.#client.receive(ROUND_TIMEOUT_MS + ("ms" in limit ? limit.ms : 0));
    if (reply.type !== "done") throw new Error(`${this.#client.name} said '${reply.type}' instead of 'done'`);
    const used = (await this.#cpuMs()) - before;
    return { ...reply.sample, cpuUsPerCall: (used * 1000) / reply.sample.calls };
  }

  /** Processor time of both processes so far. */
  async #cpuMs(): Promise<number> {
    let sum = 0;
    for (const process of [this.#server, this.#client]) {
      process.send({ type: "usage" });
      const reply = await process.receive(START_TIMEOUT_MS);
      if (reply.type === "usage") sum += reply.cpuMs;
    }
    return sum;
  }

  /** The client goes first, so that nobody sees a server vanish. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
  }
}

/** Settings of the outside don't reach a measurement, and nothing listens beyond loopback. */
function environment(
  { discoveryRoot, natsUrl }: PairOptions,
  { name, needsNats, env }: Subject,
): NodeJS.ProcessEnv {
  const outside = Object.entries(process.env).filter(([variable]) => !/^(DYN|NATS)_/.test(variable));
  return {
    ...Object.fromEntries(outside),
    DYN_DISCOVERY_BACKEND: "file",
    DYN_FILE_KV: join(discoveryRoot, name),
    DYN_TCP_RPC_HOST: "127.0.0.1",
    DYN_TCP_RPC_PORT: "0",
    DYN_HTTP_RPC_HOST: "127.0.0.1",
    DYN_HTTP_RPC_PORT: "0",
    DYN_TCP_RESPONSE_STREAM_HOST: "127.0.0.1",
    ...(needsNats && { NATS_SERVER: natsUrl }),
    ...env,
  };
}
