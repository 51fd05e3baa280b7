import fastify from "fastify";
import { describe, expect, test } from "vitest";
import { parseJsonBody } from "../../src/json-body.ts";
import { busyThresholdRoute } from "../../src/routes/busy-threshold.ts";
import { deploy } from "../support/deployment.ts";
import { until } from "@dynamo/test-support";
import { fleet, once, tokens } from "./support.ts";
import type { TokensFleet } from "./support.ts";

function serverOf({ routing }: Partial<TokensFleet>) {
  const app = fastify();
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, bytes, done) =>
    done(null, parseJsonBody(bytes as Buffer)),
  );
  busyThresholdRoute(app, routing);
  return async (payload?: object) => {
    const answer = payload
      ? await app.inject({ method: "POST", url: "/busy_threshold", payload })
      : await app.inject({ method: "GET", url: "/busy_threshold" });
    return { status: answer.statusCode, body: answer.json<unknown>() };
  };
}

const none = {
  active_decode_blocks_threshold: null,
  active_prefill_tokens_threshold: null,
  active_prefill_tokens_threshold_frac: null,
};

describe("/busy_threshold", () => {
  test("shows, sets and keeps the thresholds of a model", async () => {
    const workers = fleet({ activePrefillTokensThresholdFrac: 2 });
    const id = await workers.serve(once);
    const ask = serverOf(workers);
    const preset = { ...none, model: "m", active_prefill_tokens_threshold_frac: 2 };
    expect(await ask({ model: "m" })).toEqual({ status: 200, body: preset });
    const changed = { ...preset, active_prefill_tokens_threshold: 7 };
    const answer = await ask({ model: "m", active_prefill_tokens_threshold: 7 });
    expect(answer).toEqual({ status: 200, body: changed });
    expect(await ask()).toEqual({ status: 200, body: { thresholds: [changed] } });

    const { stream } = await workers.ask(tokens(40));
    stream.cancel();
    const { router } = workers.kv;
    const busy = router.route({ requestId: "x", prompt: router.prompt(tokens(40, 1000)) });
    await expect(workers.ask(tokens(4))).rejects.toMatchObject({ code: "overloaded" });
    busy.active.release();

    workers.withdraw(id);
    expect(await ask()).toEqual({ status: 200, body: { thresholds: [] } });
    await workers.serve(once);
    expect(await ask()).toEqual({ status: 200, body: { thresholds: [changed] } });
  });

  test("refuses what can't be meant", async () => {
    const workers = fleet();
    await workers.serve(once);
    const ask = serverOf(workers);
    expect(await ask({ model: "other" })).toEqual({ status: 200, body: { ...none, model: "other" } });
    const wrong: [object, number, string][] = [
      [{}, 422, "model"],
      [{ model: "m", active_decode_blocks_threshold: "x" }, 422, "active_decode_blocks_threshold"],
      [{ model: "m", active_decode_blocks_threshold: 1.1 }, 400, "active_decode_blocks_threshold"],
      [{ model: "m", active_prefill_tokens_threshold: -1 }, 400, "active_prefill_tokens_threshold"],
      [{ model: "m", active_prefill_tokens_threshold_frac: -1 }, 400, "threshold_frac"],
      [{ model: "other", active_decode_blocks_threshold: 0.5 }, 404, "other"],
    ];
    for (const [payload, status, text] of wrong) {
      const answer = await ask(payload);
      expect(answer).toMatchObject({ status, body: { error: expect.stringContaining(text) as string } });
    }
  });

  test("says in other router modes what it needs", async () => {
    const deployment = await deploy();
    const send = async (init?: RequestInit) => {
      const answer = await fetch(`${deployment.url}/busy_threshold`, init);
      return { status: answer.status, text: await answer.text() };
    };
    expect(await send()).toEqual({ status: 200, text: '{"thresholds":[]}' });
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ model: "m", active_decode_blocks_threshold: 0.5 });
    const answer = await send({ method: "POST", headers, body });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain("--router-mode kv");
  });
});

describe.each(["round-robin", "random", "least-loaded", "power-of-two", "kv"] as const)(
  "router mode %s",
  (routerMode) => {
    test("passes over workers that say they are busy, and refuses when all are", async () => {
      const thresholds = { activeDecodeBlocksThreshold: 0.5 };
      const workers = fleet({ routerMode, routerKvEvents: routerMode === "kv", ...thresholds });
      const card = { runtime_config: { total_kv_blocks: 100 } };
      const [first, second] = [await workers.serve(once, card), await workers.serve(once, card)];
      const reported = async (id: bigint, kvUsedBlocks: number): Promise<void> => {
        const { router } = workers.kv;
        const slot = router.slots.find(id, 0) ?? -1;
        // What is told before the router listens is lost.
        await until("the router knows", () => {
          workers.tellers.get(id)?.reportLoad({ dpRank: 0, kvUsedBlocks });
          return router.workers.reportOf(slot)?.kvUsedBlocks === kvUsedBlocks;
        });
      };
      await reported(first, 51);
      for (let turn = 0; turn < 6; turn++) expect(await workers.answer(tokens(8, turn * 100))).toBe(second);
      await expect(workers.ask(tokens(8), { pin: first })).rejects.toMatchObject({ code: "overloaded" });
      await reported(second, 51);
      await expect(workers.ask(tokens(8))).rejects.toMatchObject({ code: "overloaded" });
      await reported(first, 50);
      for (let turn = 0; turn < 3; turn++) expect(await workers.answer(tokens(8, turn * 100))).toBe(first);
      await workers.rest();
    });
  },
);
