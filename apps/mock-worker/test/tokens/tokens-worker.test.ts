/** A worker that takes tokens, as a process. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { discoveryFromEnv } from "@dynamo/discovery";
import { eventPlaneFromEnv } from "@dynamo/event-plane";
import { KvRouter } from "@dynamo/kv-router";
import type { EngineOutput } from "@dynamo/preprocessor/protocol";
import { createNetworkManager } from "@dynamo/request-plane-core";
import type { Discovery, EndpointClient, NetworkManager } from "@dynamo/request-plane-core";
import { tcp } from "@dynamo/request-plane-tcp";
import { writeTestModel } from "@dynamo/test-model";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { tokens } from "../engine/support.ts";
import { privateEnvironment, WorkerProcess } from "../worker-process.ts";

let model: string;

beforeAll(async () => {
  model = mkdtempSync(join(tmpdir(), "mock-worker-model-"));
  await writeTestModel(model);
  return () => rmSync(model, { recursive: true, force: true });
});

type Client = EndpointClient<unknown, EngineOutput>;

async function start(...args: string[]): Promise<{
  worker: WorkerProcess;
  discovery: Discovery;
  client: Client;
  manager: NetworkManager;
}> {
  const env = privateEnvironment();
  const worker = new WorkerProcess(
    ["--model-path", model, "--speedup-ratio", "0", "--block-size", "4", ...args],
    env,
  );
  await worker.serving();
  const discovery = await discoveryFromEnv(env);
  const manager = createNetworkManager({ transports: [tcp()], discovery });
  const client = manager.endpoint<unknown, EngineOutput>("dynamo.backend.generate").client();
  onTestFinished(async () => {
    await manager.close({ drainMs: 0 });
    await discovery.close();
  });
  await client.waitForInstances();
  return { worker, discovery, client, manager };
}

async function read(client: Client, request: object, into: EngineOutput[] = []): Promise<EngineOutput[]> {
  for await (const item of await client.roundRobin(request)) into.push(item);
  return into;
}

const ask = (length: number, max_tokens: number | null) => ({
  token_ids: tokens(length),
  stop_conditions: { max_tokens },
});

describe("a worker with a model's folder", () => {
  it("answers in tokens, from its cache the second time", async () => {
    const { client } = await start();
    const items = await read(client, ask(35, 6));
    expect(items.flatMap(({ token_ids }) => token_ids)).toHaveLength(6);
    expect(items.at(-1)?.finish_reason).toBe("length");
    const [first] = await read(client, ask(35, 6));
    expect(first?.completion_usage?.prompt_tokens_details?.cached_tokens).toBe(32);
    await expect(read(client, ask(35, null))).rejects.toMatchObject({
      code: "invalid_argument",
      publicDetails: { type: "message" },
    });
  });

  it("has a card with the model's files and what the engine is like", async () => {
    const { discovery } = await start("--max-model-len", "512", "--data-parallel-size", "2");
    const [record] = await discovery.list({ type: "Model" });
    const card = record?.["card_json"] as Record<string, Record<string, { path: string; checksum: string }>>;
    expect(card).toMatchObject({
      display_name: model,
      source_path: model,
      model_type: "Chat | Completions",
      model_input: "Tokens",
      context_length: 512,
      architectural_max_context_length: 4096,
      kv_cache_block_size: 4,
      runtime_config: {
        context_length: 512,
        total_kv_blocks: 16384,
        max_num_seqs: 256,
        max_num_batched_tokens: 8192,
        data_parallel_size: 2,
      },
    });
    const files = [
      [card["model_info"]?.["hf_config_json"], "config.json"],
      [card["tokenizer"]?.["hf_tokenizer_json"], "tokenizer.json"],
      [card["prompt_formatter"]?.["hf_tokenizer_config_json"], "tokenizer_config.json"],
      [card["gen_config"]?.["hf_generation_config_json"], "generation_config.json"],
    ] as const;
    for (const [file, name] of files) {
      expect(file?.path).toBe(join(model, name));
      expect(file?.checksum).toMatch(/^blake3:[0-9a-f]{64}$/);
    }
  });

  it("dies in the midst of an answer when told, and another worker can go on with the same tokens", async () => {
    const { worker, client } = await start("--fault", "die_after:7");
    const before: EngineOutput[] = [];
    await expect(read(client, ask(9, 20), before)).rejects.toMatchObject({ code: "disconnected" });
    expect(await worker.ended).toEqual({ code: null, signal: "SIGKILL" });
    const so_far = before.flatMap(({ token_ids }) => token_ids);
    expect(so_far).toHaveLength(7);
    const second = await start();
    const whole = (await read(second.client, ask(9, 20))).flatMap(({ token_ids }) => token_ids);
    const rest = await read(second.client, {
      token_ids: [...tokens(9), ...so_far],
      stop_conditions: { max_tokens: 13 },
    });
    expect([...so_far, ...rest.flatMap(({ token_ids }) => token_ids)]).toEqual(whole);
  });

  it("ends while it starts up, when asked", async () => {
    const env = privateEnvironment();
    const worker = new WorkerProcess(["--model-path", model, "--startup-time", "3600"], env);
    await expect.poll(() => worker.log.map(({ msg }) => msg)).toContain("starting up");
    worker.process.kill("SIGTERM");
    expect(await worker.ended).toEqual({ code: 0, signal: null });
  });

  it("says which file is missing", async () => {
    const empty = mkdtempSync(join(tmpdir(), "mock-worker-empty-"));
    onTestFinished(() => rmSync(empty, { recursive: true }));
    const worker = new WorkerProcess(["--model-path", empty], privateEnvironment());
    expect(await worker.ended).toEqual({ code: 2, signal: null });
    expect(worker.log.at(-1)?.msg).toMatch(/The model has no .*\.json that can be read.*--model-path/);
  });
});

describe("routers", () => {
  it("know what each rank has in its cache, and predict what it finds there", async () => {
    const { client, discovery, manager, worker } = await start(
      ...["--data-parallel-size", "2", "--num-gpu-blocks-override", "40"],
    );
    const router = new KvRouter({ blockSize: 4 });
    const plane = await eventPlaneFromEnv({ manager, mode: "zmq" });
    onTestFinished(() => plane.close());
    const events = await plane.router(
      { namespace: "dynamo", component: "backend", endpoint: "generate" },
      router,
    );
    const [instance] = client.instances();
    const workerId = instance!.instance_id;
    router.setWorker({ workerId, dpSize: 2 });
    const overlap = (length: number, dpRank: number, start = 0) => {
      const { candidates } = router.explain({
        requestId: "any",
        prompt: router.prompt(tokens(length, start)),
      });
      return candidates.find((candidate) => candidate.dpRank === dpRank)?.overlapBlocks;
    };
    const cachedIn = async (dpRank: number, length: number, start = 0) => {
      const request = { ...ask(length, 1), token_ids: tokens(length, start), routing: { dp_rank: dpRank } };
      const [first] = await read(client, request);
      return first?.completion_usage?.prompt_tokens_details?.cached_tokens;
    };
    expect(await cachedIn(1, 35)).toBe(0);
    await expect.poll(() => overlap(35, 1)).toBe(8);
    expect(overlap(35, 0)).toBe(0);
    expect(await cachedIn(1, 35)).toBe(32);
    expect(await cachedIn(0, 35)).toBe(0);
    // Too much for the cache together: what waits longest goes, from its end.
    expect(await cachedIn(1, 151, 1000)).toBe(0);
    await expect.poll(() => overlap(35, 1)).toBe(2);
    expect(await cachedIn(1, 35)).toBe(8);
    expect(events.status().counts).toMatchObject({ unknownParents: 0 });

    worker.process.kill("SIGTERM");
    expect(await worker.ended).toEqual({ code: 0, signal: null });
    for (const type of ["Endpoint", "Model", "EventChannel", "EventSource"] as const) {
      expect(await discovery.list({ type })).toEqual([]);
    }
  });

  it("hear nothing of the cache when that is turned off", async () => {
    const { discovery } = await start("--no-kv-events");
    const [record] = await discovery.list({ type: "Model" });
    expect(record?.["card_json"]).toMatchObject({ runtime_config: { kv_event_publishing_enabled: false } });
    expect(await discovery.list({ type: "EventSource" })).toEqual([]);
    expect(await discovery.list({ type: "EventChannel" })).not.toEqual([]);
  });
});
