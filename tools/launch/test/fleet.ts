/**
 * Frontends and workers, each a process on a plane of its own, that find each other in one folder.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LOOPBACK } from "@dynamo/test-support/loopback";
import { Program } from "./program.ts";

export type Plane = "nats" | "tcp" | "http";

export interface Frontend {
  readonly program: Program;
  readonly port: number;
}

export interface Worker {
  readonly program: Program;
  /** Its instance id, hexadecimal. */
  readonly id: string;
}

/** A worker as discovery tells of it. */
export interface Listed {
  readonly id: string;
  readonly plane: string;
}

export class Fleet {
  readonly #folder = mkdtempSync(join(tmpdir(), "fleet-test-"));
  readonly #programs: Program[] = [];
  readonly #settings: NodeJS.ProcessEnv;

  constructor(settings: NodeJS.ProcessEnv) {
    this.#settings = settings;
  }

  /** Resolves when it listens. */
  async frontend(plane: Plane, ...args: string[]): Promise<Frontend> {
    const address = ["--http-host", "127.0.0.1", "--http-port", "0"];
    const program = this.#start("frontend", plane, [...address, ...args]);
    return { program, port: Number(await program.says(/Listening on http:\/\/127\.0\.0\.1:(\d+)/)) };
  }

  /** Resolves when it says that it serves the model. */
  async worker(plane: Plane, ...args: string[]): Promise<Worker> {
    const program = this.#start("mock-worker", plane, args);
    return { program, id: await program.says(/"instance":"(\w+)"/) };
  }

  /** Kills what a failed test has left running. */
  [Symbol.dispose](): void {
    for (const program of this.#programs) if (program.isRunning) program.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #start(app: string, plane: Plane, args: readonly string[]): Program {
    const program = new Program(app, args, {
      PATH: process.env["PATH"],
      DYN_REQUEST_PLANE: plane,
      ...LOOPBACK,
      DYN_DISCOVERY_BACKEND: "file",
      DYN_FILE_KV: this.#folder,
      ...this.#settings,
    });
    this.#programs.push(program);
    return program;
  }
}

/** The workers that a frontend finds in discovery. */
export async function listed({ port }: Frontend): Promise<Listed[]> {
  const response = await fetch(`http://127.0.0.1:${port}/health`);
  // Ids are too long for numbers of JSON.parse.
  const health = (await response.text()).replace(/"instance_id":(\d+)/g, '"instance_id":"$1"');
  const { instances } = JSON.parse(health) as { instances: readonly Instance[] };
  return instances.map(({ instance_id: id, transport }) => ({
    id: BigInt(id).toString(16),
    plane: Object.keys(transport)[0] ?? "",
  }));
}

interface Instance {
  readonly instance_id: string;
  readonly transport: Readonly<Record<string, unknown>>;
}

/** Whether the frontend can take requests for the model. */
export async function offers({ port }: Frontend, model: string): Promise<boolean> {
  return (await (await fetch(`http://127.0.0.1:${port}/v1/models`)).text()).includes(`"${model}"`);
}
