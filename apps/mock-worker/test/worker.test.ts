import { createServer } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { discoveryFromEnv } from "@dynamo/discovery";
import { createNetworkManager } from "@dynamo/request-plane-core";
import type { Discovery, EndpointClient } from "@dynamo/request-plane-core";
import { tcp } from "@dynamo/request-plane-tcp";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ChatChunk } from "./text/chat-chunk.ts";
import { WorkerProcess, privateEnvironment } from "./worker-process.ts";

interface Caller {
  readonly discovery: Discovery;
  readonly client: EndpointClient<unknown, ChatChunk>;
}

/** A client of the worker's endpoint, in this process. */
async function callerOf(env: NodeJS.ProcessEnv): Promise<Caller> {
  const discovery = await discoveryFromEnv(env);
  const manager = createNetworkManager({ transports: [tcp()], discovery });
  const client = manager.endpoint<unknown, ChatChunk>("dynamo.backend.generate").client();
  onTestFinished(async () => {
    await manager.close({ drainMs: 0 });
    await discovery.close();
  });
  return { discovery, client };
}

async function startWorker(args: string[] = []): Promise<Caller & { worker: WorkerProcess }> {
  const env = privateEnvironment();
  const worker = new WorkerProcess(args, env);
  await worker.serving();
  const caller = await callerOf(env);
  await caller.client.waitForInstances();
  return { worker, ...caller };
}

const ask = (content: string, fault?: string) => ({
  messages: [{ role: "user", content }],
  stream: true,
  ...(fault && { nvext: { annotations: [`mock_fault:${fault}`] } }),
});
const textOf = ({ choices }: ChatChunk) => choices[0]?.delta.content ?? "";

/** Reads the answer into the list, so that what came before a failure is there too. */
async function read(client: Caller["client"], request: unknown, into: string[]): Promise<void> {
  for await (const chunk of await client.roundRobin(request)) into.push(textOf(chunk));
}

describe("a mock worker", () => {
  it("answers over TCP", async () => {
    const { client } = await startWorker();
    const texts: string[] = [];
    await read(client, ask("one two three"), texts);
    expect(texts).toEqual(["one", " two", " three", ""]);
  });

  it("offers its model on its endpoint", async () => {
    const { worker, discovery, client } = await startWorker(["--model-name", "Qwen/Qwen3-0.6B"]);
    const [model] = await discovery.list({ type: "Model" });
    const [instance] = client.instances();
    const card = {
      display_name: "Qwen/Qwen3-0.6B",
      model_type: "Chat",
      model_input: "Text",
      worker_type: "aggregated",
    };
    expect(model).toMatchObject({
      endpoint: "generate",
      instance_id: instance?.instance_id,
      card_json: card,
    });
    const [line] = worker.log;
    expect(line).toMatchObject({
      msg: "serving Qwen/Qwen3-0.6B at dynamo.backend.generate",
      instance: instance?.instance_id.toString(16),
      address: instance?.transport["tcp"],
    });
  });

  it("is several workers behind one listener when asked", async () => {
    const env = privateEnvironment();
    await new WorkerProcess(["--num-workers", "3"], env).serving(3);
    const { client, discovery } = await callerOf(env);
    const instances = await client.waitForInstances({ count: 3 });
    expect(new Set(instances.map(({ instance_id }) => instance_id)).size).toBe(3);
    expect(new Set(instances.map(({ transport }) => transport["tcp"]?.split("/")[0])).size).toBe(1);
    expect(await discovery.list({ type: "Model" })).toHaveLength(3);
    for (const { instance_id } of instances) {
      const texts: string[] = [];
      for await (const chunk of await client.direct(ask("hello"), instance_id)) texts.push(textOf(chunk));
      expect(texts.join("")).toBe("hello");
    }
  });

  it("refuses what is not a chat request, and serves on", async () => {
    const { client } = await startWorker();
    await expect(read(client, { prompt: "Hello" }, [])).rejects.toMatchObject({ code: "invalid_argument" });
    const texts: string[] = [];
    await read(client, ask("still here"), texts);
    expect(texts.join("")).toBe("still here");
  });
});

describe("faults", () => {
  it.each([0, 2])("fails after %i tokens with an error, and serves on", async (after) => {
    const { client } = await startWorker();
    const texts: string[] = [];
    await expect(read(client, ask("one two three", `fail_after:${after}`), texts)).rejects.toThrow(
      `mock fault: failed after ${after} tokens`,
    );
    expect(texts).toHaveLength(after);
    await read(client, ask("four"), texts);
    expect(texts).toContain("four");
  });

  it("dies after three tokens: the caller has them, then hears that the rest is lost", async () => {
    const { worker, client } = await startWorker();
    const texts: string[] = [];
    await expect(read(client, ask("a b c d e", "die_after:3"), texts)).rejects.toMatchObject({
      code: "disconnected",
    });
    expect(texts.join("")).toBe("a b c");
    expect(await worker.ended).toEqual({ code: null, signal: "SIGKILL" });
  });

  it("stalls until the caller leaves, and then nothing runs any more", async () => {
    const { worker, client } = await startWorker(["--fault", "stall_after:1", "--drain-timeout", "3600"]);
    for await (const chunk of await client.roundRobin(ask("a b c"))) {
      expect(textOf(chunk)).toBe("a");
      break;
    }
    worker.process.kill("SIGTERM");
    expect(await worker.ended).toEqual({ code: 0, signal: null });
  });
});

describe("the end", () => {
  it("comes after what runs: the answer is whole, and discovery is empty", async () => {
    const { worker, client, discovery } = await startWorker(["--itl-ms", "50"]);
    const texts: string[] = [];
    const answer = read(client, ask("a b c d e f g h"), texts);
    await expect.poll(() => texts.length).toBeGreaterThan(1);
    worker.process.kill("SIGTERM");
    await expect.poll(() => client.instances()).toEqual([]);
    await answer;
    expect(texts.join("")).toBe("a b c d e f g h");
    expect(await worker.ended).toEqual({ code: 0, signal: null });
    expect(await discovery.list({ type: "Endpoint" })).toEqual([]);
    expect(await discovery.list({ type: "Model" })).toEqual([]);
  });

  it("doesn't wait longer than the drain timeout, and the caller is told", async () => {
    const { worker, client } = await startWorker(["--fault", "stall_after:1", "--drain-timeout", "0.2"]);
    const texts: string[] = [];
    const answer = read(client, ask("a b"), texts);
    const outcome = answer.then(
      () => "whole",
      () => "told",
    );
    await expect.poll(() => texts.length).toBe(1);
    worker.process.kill("SIGINT");
    expect(await outcome).toBe("told");
    expect(await worker.ended).toEqual({ code: 0, signal: null });
  });

  it("comes at once on a second signal, but not on the echo of the first", async () => {
    const { worker, client } = await startWorker(["--fault", "stall_after:1", "--drain-timeout", "3600"]);
    const texts: string[] = [];
    const answer = expect(read(client, ask("a b"), texts)).rejects.toMatchObject({ code: "disconnected" });
    await expect.poll(() => texts.length).toBe(1);
    worker.process.kill("SIGINT");
    worker.process.kill("SIGINT");
    await expect.poll(() => worker.log.at(-1)?.msg).toBe("shutting down");
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(worker.process.exitCode).toBe(null);
    worker.process.kill("SIGTERM");
    expect(await worker.ended).toEqual({ code: 143, signal: null });
    await answer;
  });

  it.each([0, 50, 100, 150, 200, 300, 400])("comes also when asked %i ms after the start", async (ms) => {
    const worker = new WorkerProcess([], privateEnvironment());
    await new Promise((resolve) => setTimeout(resolve, ms));
    worker.process.kill("SIGTERM");
    const { code, signal } = await worker.ended;
    expect(code ?? signal).toBe(code === null ? "SIGTERM" : 0);
  });

  it("comes with exit code 1 and the setting's name when the port is taken", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const worker = new WorkerProcess([], { ...privateEnvironment(), DYN_TCP_RPC_PORT: String(port) });
    expect(await worker.ended).toEqual({ code: 1, signal: null });
    expect(worker.log.at(-1)).toMatchObject({ code: "address_in_use", setting: "DYN_TCP_RPC_PORT" });
    expect(worker.log.at(-1)?.msg).toContain(`127.0.0.1:${port}`);
  });
});
