/**
 * A frontend and eight mock workers that take tokens, as users start them.
 */
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "@dynamo/test-support/free-port";
import { waitForModel } from "@dynamo/launch/chat";
import { Child } from "@dynamo/launch/child";
import { programOf } from "@dynamo/launch/deployment";
import { writeTestModel } from "@dynamo/test-model";

export const MODEL = "trace";
const START_MS = 60_000;
const END_MS = 3_000;

export interface FleetOptions {
  readonly workers: number;
  /** KV blocks of each worker, and tokens of a block. */
  readonly blocks: number;
  readonly blockSize: number;
  readonly speedup: number;
  /** Flags of the frontend. */
  readonly routing: readonly string[];
}

/** Runs `work` with the frontend's address, and ends everything after it. */
export async function withFleet<Result>(
  options: FleetOptions,
  work: (url: string) => Promise<Result>,
): Promise<Result> {
  await using folder = await mkdtempDisposable(join(tmpdir(), "dynamo-kv-trace-"));
  const modelPath = await writeTestModel(join(folder.path, "model"));
  const env = {
    ...process.env,
    DYN_FILE_KV: join(folder.path, "discovery"),
    DYN_DISCOVERY_BACKEND: "file",
    DYN_REQUEST_PLANE: "tcp",
    DYN_TCP_RPC_HOST: "127.0.0.1",
    DYN_TCP_RESPONSE_STREAM_HOST: "127.0.0.1",
    DYN_EVENT_PLANE_ZMQ_HOST: "127.0.0.1",
    DYN_LOG: "warn",
  };
  const port = await freePort();
  const children = [
    new Child({
      name: "mock workers",
      program: programOf("mock-worker"),
      args: workerArgs(options, modelPath),
      env,
    }),
    new Child({
      name: "frontend",
      program: programOf("frontend"),
      args: ["--http-host", "127.0.0.1", "--http-port", String(port), ...options.routing],
      env,
    }),
  ];
  try {
    const url = `http://127.0.0.1:${port}`;
    const death = Promise.race(
      children.map((one) => one.ended.then(() => Promise.reject(new Error(one.obituary())))),
    );
    await Promise.race([waitForModel(url, MODEL, AbortSignal.timeout(START_MS)), death]);
    await Promise.race([allAreThere(url, options.workers), death]);
    return await Promise.race([work(url), death]);
  } finally {
    await Promise.all(children.map((one) => one.end(END_MS)));
  }
}

function workerArgs({ workers, blocks, blockSize, speedup }: FleetOptions, modelPath: string): string[] {
  const settings = {
    "--model-name": MODEL,
    "--model-path": modelPath,
    "--num-workers": workers,
    "--num-gpu-blocks-override": blocks,
    "--block-size": blockSize,
    "--speedup-ratio": speedup,
  };
  return Object.entries(settings).flatMap(([name, value]) => [name, String(value)]);
}

/** The model is there with its first worker. */
async function allAreThere(url: string, workers: number): Promise<void> {
  const signal = AbortSignal.timeout(START_MS);
  for (;;) {
    const health = (await (await fetch(`${url}/health`, { signal })).json()) as {
      instances: readonly { readonly endpoint: string }[];
    };
    if (health.instances.filter(({ endpoint }) => endpoint === "generate").length >= workers) break;
    await sleep(100, undefined, { signal });
  }
  // Events are followed a moment after their workers are known.
  await sleep(1_000);
}
