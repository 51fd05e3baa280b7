/** Frontends that route by KV cache, and workers, as processes that are killed while requests are under way. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasNatsServer, startNatsServer } from "@dynamo/nats-server";
import { writeTestModel } from "@dynamo/test-model";
import { describe, expect, it, onTestFinished } from "vitest";
import { MODEL } from "./chat-request.ts";
import { Fleet, listed } from "./fleet.ts";
import type { Frontend } from "./fleet.ts";

/** Bound of the waits for discovery and for events; only what hangs takes so long. */
const SEEN = { timeout: 40_000, interval: 200 };
const BLOCK_SIZE = 4;
const TOKENS = 20;
/** Requests that are under way when their frontend is killed. */
const LONG = 4;
const WELL = "exit code 0";

interface Answer {
  readonly status: number;
  /** Hexadecimal. */
  readonly worker: string;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  /** What the router expected of the worker's cache. */
  readonly expectedTokens: number;
  /** Requests under way on all workers before, as the router knew. */
  readonly activeRequests: number;
  /** Workers that could have been chosen. */
  readonly candidates: readonly string[];
}

interface Body {
  readonly usage: {
    readonly prompt_tokens: number;
    readonly prompt_tokens_details?: { readonly cached_tokens: number };
  };
  readonly nvext: {
    readonly routing: {
      readonly worker_id: string;
      readonly candidates: readonly {
        readonly worker_id: string;
        readonly overlap_blocks: number;
        readonly active_requests: number;
      }[];
    };
  };
}

/** Without it tests are reported as skipped, and fail in CI. */
const hasNats = await hasNatsServer();

describe("frontends that route by KV cache", { timeout: 180_000 }, () => {
  it.skipIf(!hasNats).each(["nats", "jetstream"])(
    "learn over %s what workers have, also when they come late",
    async (eventPlane) => {
      const nats = await startNatsServer({
        lines: [`jetstream { store_dir: ${JSON.stringify(temporaryFolder())} }`],
      });
      onTestFinished(() => nats[Symbol.asyncDispose]());
      const settings = { DYN_ROUTER_MODE: "kv", DYN_EVENT_PLANE: eventPlane, NATS_SERVER: nats.url };
      const fleet = new Fleet(settings);
      onTestFinished(() => fleet[Symbol.dispose]());
      const engine = ["--model-path", await modelFolder(), "--model-name", MODEL, "--speedup-ratio", "0"];
      const worker = () => fleet.worker("tcp", ...engine, "--block-size", String(BLOCK_SIZE));
      const [one] = await Promise.all([fleet.frontend("tcp"), worker(), worker()]);
      await expect.poll(async () => (await ask(one, "hello")).candidates.length, SEEN).toBe(2);
      const text = "weather ".repeat(40);
      const home = await ask(one, text);
      await expect.poll(() => asExpected(one, text), SEEN).toBe(home.worker);
      one.program.kill();
      const two = await fleet.frontend("tcp");
      await expect.poll(() => asExpected(two, text), SEEN).toBe(home.worker);
      expect(await two.program.terminate()).toBe(WELL);
    },
  );

  it("expect what workers have, know it after a restart, and lose nothing but the requests of the one that is killed", async () => {
    const fleet = new Fleet({
      DYN_ROUTER_MODE: "kv",
      DYN_ROUTER_REPLICA_SYNC: "true",
      DYN_EVENT_PLANE_ZMQ_HOST: "127.0.0.1",
    });
    onTestFinished(() => fleet[Symbol.dispose]());
    const engine = ["--model-path", await modelFolder(), "--model-name", MODEL, "--speedup-ratio", "5"];
    const worker = () => fleet.worker("tcp", ...engine, "--block-size", String(BLOCK_SIZE));
    const [one, two] = await Promise.all([fleet.frontend("tcp"), fleet.frontend("tcp")]);
    const workers = await Promise.all([worker(), worker(), worker()]);
    await expect.poll(async () => (await ask(one, "hello")).candidates.length, SEEN).toBe(3);
    await expect.poll(async () => (await ask(two, "hello")).candidates.length, SEEN).toBe(3);

    // What one has sent, both know from the worker, and its prompts find their way back.
    const topics = ["weather", "bread", "trains"].map((topic) => `${topic} `.repeat(40));
    const homes = await Promise.all(topics.map((topic) => ask(one, topic)));
    for (const [at, topic] of topics.entries()) {
      for (const frontend of [one, two]) {
        await expect.poll(() => asExpected(frontend, topic), SEEN).toBe(homes[at]?.worker);
      }
    }

    // A router is killed while both have much to do: the other one's requests come to their ends.
    const load = (frontend: Frontend) =>
      Promise.allSettled(
        Array.from({ length: 24 }, (_unused, at) => ask(frontend, `${topics[at % 3]} ${at}`)),
      );
    const long = Promise.allSettled(Array.from({ length: LONG }, () => ask(one, "long", 3_000)));
    await expect.poll(async () => (await ask(two, "hello")).activeRequests, SEEN).toBe(LONG);
    const [doomed, lasting] = [load(one), load(two)];
    await new Promise((resolve) => setTimeout(resolve, 50));
    one.program.kill();
    await long;
    await doomed;
    for (const end of await lasting) expect(end).toMatchObject({ value: { status: 200 } });

    // What it had under way counts until its lease is over, and no longer.
    await expect.poll(async () => (await ask(two, "hello")).activeRequests, SEEN).toBe(0);

    // Its successor knows what workers have, without having sent anything.
    const three = await fleet.frontend("tcp");
    await expect.poll(() => asExpected(three, topics[0] ?? ""), SEEN).not.toBeUndefined();

    // A worker is killed: its requests go elsewhere, and when its lease is over nobody counts on it.
    const [victim] = workers;
    const more = load(three);
    victim?.program.kill();
    for (const end of await more)
      expect(end.status === "fulfilled" && end.value.status).toSatisfy(isAnswered);
    for (const topic of topics) expect((await ask(two, topic)).status).toBe(200);
    await expect.poll(async () => (await listed(two)).some(({ id }) => id === victim?.id), SEEN).toBe(false);
    for (const topic of topics) {
      await expect.poll(async () => (await ask(two, topic)).candidates.length, SEEN).toBe(2);
      await expect.poll(() => asExpected(two, topic), SEEN).not.toBe(victim?.id);
    }

    for (const frontend of [two, three]) await expect.poll(() => inFlight(frontend), SEEN).toEqual([]);
    for (const { program } of [two, three, ...workers.slice(1)]) expect(await program.terminate()).toBe(WELL);
  });
});

/** A request that its worker had begun to answer is lost with it, unless it may move on (`--migration-limit`). */
function isAnswered(status: unknown): boolean {
  return status === 200 || status === 503;
}

/** The worker, when it had in its cache what the router expected, and that is not nothing. */
async function asExpected(frontend: Frontend, text: string): Promise<string | undefined> {
  const { status, worker, cachedTokens, expectedTokens } = await ask(frontend, text);
  return status === 200 && cachedTokens > 0 && cachedTokens === expectedTokens ? worker : undefined;
}

async function ask({ port }: Frontend, text: string, maxTokens = TOKENS): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: MODEL,
      messages: [{ role: "user", content: text }],
      max_tokens: maxTokens,
      nvext: { extra_fields: ["routing"] },
    }),
    signal: AbortSignal.timeout(60_000),
  });
  const answer = { status: response.status };
  // Ids are too long for numbers of JSON.parse.
  const json = (await response.text()).replace(/"worker_id":(\d+)/g, '"worker_id":"$1"');
  if (response.status !== 200) return { ...answer, ...NOBODY };
  const { usage, nvext } = JSON.parse(json) as Body;
  const { worker_id: id, candidates } = nvext.routing;
  const chosen = candidates.find((candidate) => candidate.worker_id === id);
  return {
    ...answer,
    worker: hex(id),
    promptTokens: usage.prompt_tokens,
    cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
    expectedTokens: (chosen?.overlap_blocks ?? 0) * BLOCK_SIZE,
    activeRequests: candidates.reduce((sum, candidate) => sum + candidate.active_requests, 0),
    candidates: candidates.map((candidate) => hex(candidate.worker_id)),
  };
}

const NOBODY = {
  worker: "",
  promptTokens: 0,
  cachedTokens: 0,
  expectedTokens: 0,
  activeRequests: 0,
  candidates: [],
};

function hex(id: string): string {
  return BigInt(id).toString(16);
}

/** Gauges of requests that aren't zero. */
async function inFlight({ port }: Frontend): Promise<string[]> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return text
    .split("\n")
    .filter((line) => /^dynamo_frontend_(inflight|active|queued)_requests\b.* [^0]/.test(line));
}

function modelFolder(): Promise<string> {
  return writeTestModel(temporaryFolder());
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "kv-routers-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
