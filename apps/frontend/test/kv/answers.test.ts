/** What clients see of routing by KV cache, over HTTP. */
import { describe, expect, test } from "vitest";
import { decodeJson } from "@dynamo/request-plane-core";
import type { Answer } from "../support/http.ts";
import { saying, serveTokens } from "../tokens/support.ts";
import type { Served } from "../tokens/support.ts";

const KV = { routerMode: "kv", routerKvEvents: false } as const;
const card = { kv_cache_block_size: 4 };
const words = "one two three four five six seven eight nine ten";
const messages = [{ role: "user", content: words }];

const serve = (): Promise<Served> => serveTokens(() => saying("hi"), { card, options: KV });

interface Body {
  readonly nvext?: Record<string, Record<string, unknown>>;
}

const bodyOf = ({ body }: Answer): Body => decodeJson(body) as Body;

function dataOf({ body }: Answer): string[] {
  return body
    .split("\n")
    .filter((line) => line.startsWith("data: "))
    .map((line) => line.slice(6));
}

describe("a request that asks for it", () => {
  test("is told its worker, its times and why, when it doesn't stream", async () => {
    const served = await serve();
    const [worker] = served.deployment.workers;
    await served.chat({ messages });
    const extra = { nvext: { extra_fields: ["worker_id", "timing", "routing"] } };
    const { nvext } = bodyOf(await served.chat({ messages, ...extra }));
    const id = { prefill_worker_id: worker?.id, decode_worker_id: worker?.id };
    expect(nvext?.["worker_id"]).toEqual({ ...id, prefill_dp_rank: 0, decode_dp_rank: 0 });
    const request = served.requests[1];
    const blocks = Math.floor((request?.token_ids.length ?? 0) / 4);
    expect(request).toMatchObject({
      routing: { dp_rank: 0 },
      dp_rank: 0,
      estimated_prefix_hit_num_blocks: blocks,
    });
    const promptBlocks = Math.ceil((request?.token_ids.length ?? 0) / 4);
    expect(nvext?.["timing"]).toMatchObject({ kv_hit_rate: blocks / promptBlocks, router_queue_depth: 0 });
    expect(nvext?.["timing"]?.["total_time_ms"]).toBeGreaterThanOrEqual(0);
    expect(nvext?.["routing"]).toMatchObject({
      worker_id: worker?.id,
      how: "only",
      candidates: [{ worker_id: worker?.id, overlap_blocks: blocks }],
    });
  });

  test("is told in its first and its last chunk when it streams; others are told nothing", async () => {
    const served = await serve();
    const extra = { nvext: { extra_fields: ["worker_id", "timing"] } };
    const chunks = dataOf(await served.chat({ messages, stream: true, ...extra }));
    expect(chunks.pop()).toBe("[DONE]");
    const told = chunks.map((chunk) => Object.keys((decodeJson(chunk) as Body).nvext ?? {}));
    expect(told[0]).toEqual(["worker_id"]);
    expect(told.at(-1)).toEqual(["timing"]);
    expect((await served.chat({ messages, stream: true })).body).not.toContain("nvext");
    expect((await served.chat({ messages })).body).not.toContain("nvext");
  });

  test("is told where it would go without going there, as 1.6 says it", async () => {
    const served = await serve();
    const [worker] = served.deployment.workers;
    const nvext = { annotations: ["query_instance_id:"], extra_fields: ["worker_id", "token_ids"] };
    const [chunk = "", done] = dataOf(await served.chat({ messages, stream: true, nvext }));
    expect(done).toBe("[DONE]");
    const told = (decodeJson(chunk) as Body).nvext;
    expect(told?.["worker_id"]).toMatchObject({ decode_worker_id: worker?.id });
    expect(served.requests).toEqual([]);
    await served.chat({ messages });
    expect(told?.["token_ids"]).toEqual(served.requests[0]?.token_ids);
  });

  test("is told where it would go, as 0.7 says it", async () => {
    const served = await serve();
    const nvext = { annotations: ["query_instance_id"] };
    const { body } = await served.chat({ messages, stream: true, nvext });
    expect(body).toContain(`event: worker_instance_id\n: "${served.deployment.workers[0]?.id}"\n`);
    expect(body).toMatch(/event: token_data\n: \[\d+(,\d+)*\]\n/);
    expect(body.trimEnd()).toMatch(/data: \[DONE\]$/);
    expect(served.requests).toEqual([]);
  });

  test("can't be told in other router modes", async () => {
    const served = await serveTokens(() => saying("hi"));
    const answer = await served.chat({ messages, nvext: { annotations: ["query_instance_id:"] } });
    expect(answer.status).toBe(400);
    expect(answer.body).toContain("router mode 'kv'");
  });

  test("goes to the rank that it names", async () => {
    const config = { runtime_config: { data_parallel_size: 2 } };
    const served = await serveTokens(() => saying("hi"), { card: { ...card, ...config }, options: KV });
    for (const rank of [1, 0, 1]) {
      const answer = await fetch(`${served.deployment.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-dynamo-dp-rank": String(rank) },
        body: JSON.stringify({ model: "m", messages }),
      });
      expect(answer.status).toBe(200);
      await answer.text();
      expect(served.requests.at(-1)?.routing).toMatchObject({ dp_rank: rank });
    }
  });

  test("is refused when all workers are busy", async () => {
    const options = { ...KV, activePrefillTokensThreshold: 4 };
    const served = await serveTokens(() => saying("hi"), { card, options });
    const kv = served.deployment.frontend.kv?.of("m");
    const prompt = kv?.router.prompt(Array.from(words, (_, at) => at));
    const held = prompt && kv?.router.route({ requestId: "x", prompt });
    const answer = await served.chat({ messages });
    expect(answer.status).toBe(529);
    held?.active.release();
    expect((await served.chat({ messages })).status).toBe(200);
  });
});
