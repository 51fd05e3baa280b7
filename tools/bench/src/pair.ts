/**
 * One subject at work: a process that serves and a process that calls.
 */
import { join } from "node:path";
import { LOOPBACK } from "@dynamo/test-support/loopback";
import { BenchProcess } from "./bench-process.ts";
import type { ProcessSpec } from "./bench-process.ts";
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
  /** The Python that has Dynamo, for subjects that need it. */
  readonly dynamoPython?: string | undefined;
  /** Options of node for each of the two. */
  readonly nodeOptions?: (role: Role) => readonly string[];
  /** Kills both. */
  readonly signal?: AbortSignal;
}

export type Role = "server" | "client";

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
    const specOf = specsOf(subject, options);
    const server = started.use(new BenchProcess<ServerReady | Usage>(specOf("server")));
    const ready = await server.receive(START_TIMEOUT_MS);
    if (ready.type !== "ready") throw new Error(`${server.name} said '${ready.type}' instead of 'ready'`);
    const client = started.use(new BenchProcess<ClientReady | Done | Usage>(specOf("client", ready.address)));
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
    const before = await this.usage();
    this.#client.send({ type: "run", benchCase, limit });
    const reply = await this.#client.receive(ROUND_TIMEOUT_MS + ("ms" in limit ? limit.ms : 0));
    if (reply.type !== "done") throw new Error(`${this.#client.name} said '${reply.type}' instead of 'done'`);
    const after = await this.usage();
    const usedMs = after.server.cpuMs + after.client.cpuMs - before.server.cpuMs - before.client.cpuMs;
    return { ...reply.sample, cpuUsPerCall: (usedMs * 1000) / reply.sample.calls };
  }

  /** Has so many answers held open. Rejects as {@link run} does. */
  async hold(streams: number): Promise<Sample> {
    this.#client.send({ type: "hold", streams });
    const reply = await this.#client.receive(ROUND_TIMEOUT_MS);
    if (reply.type === "done") return reply.sample;
    throw new Error(`${this.#client.name} said '${reply.type}' instead of 'done'`);
  }

  /** What each of the two has used so far. */
  async usage(): Promise<Readonly<Record<Role, Usage>>> {
    return { server: await usageOf(this.#server), client: await usageOf(this.#client) };
  }

  /** The client goes first, so that nobody sees a server vanish. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
  }
}

async function usageOf(process: BenchProcess<ServerReady | ClientReady | Done | Usage>): Promise<Usage> {
  process.send({ type: "usage" });
  const reply = await process.receive(START_TIMEOUT_MS);
  if (reply.type !== "usage") throw new Error(`${process.name} said '${reply.type}' instead of 'usage'`);
  return reply;
}

/** How the processes of a subject are started. */
function specsOf(subject: Subject, options: PairOptions): (role: Role, address?: string) => ProcessSpec {
  const env = environment(options, subject);
  const isPython = "clientProgram" in subject;
  const programs = {
    server: subject.serverProgram,
    client: isPython ? subject.clientProgram : CLIENT_PROGRAM,
  };
  return (role, address) => ({
    name: `${role} of ${subject.name}`,
    program: programs[role],
    interpreter: isPython ? options.dynamoPython : undefined,
    args: address === undefined ? (subject.serverArgs ?? []) : [subject.name, address],
    options: isPython ? [] : (options.nodeOptions?.(role) ?? []),
    env,
    signal: options.signal,
  });
}

/** Settings of the outside don't reach a measurement, and nothing listens beyond loopback. */
function environment(
  { discoveryRoot, natsUrl, dynamoPython }: PairOptions,
  { name, needs, env }: Subject,
): NodeJS.ProcessEnv {
  const outside = Object.entries(process.env).filter(([variable]) => !/^(DYN|NATS)_/.test(variable));
  return {
    ...Object.fromEntries(outside),
    DYN_DISCOVERY_BACKEND: "file",
    DYN_FILE_KV: join(discoveryRoot, name),
    ...LOOPBACK,
    ...(needs === "nats" && { NATS_SERVER: natsUrl }),
    ...(needs === "dynamo" && { DYNAMO_PYTHON: dynamoPython }),
    ...env,
  };
}
