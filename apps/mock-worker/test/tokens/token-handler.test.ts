import { parseEngineOutput } from "@dynamo/preprocessor/protocol";
import type { EngineOutput } from "@dynamo/preprocessor/protocol";
import type { EncodedItem, RequestContext } from "@dynamo/request-plane-core";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/engine/clock.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { EngineOptions } from "../../src/engine/engine-options.ts";
import { tokenHandler } from "../../src/tokens/token-handler.ts";
import { options, tokens } from "../engine/support.ts";

const nobody = { kvChanges: () => undefined, load: () => undefined };

function engineOf(changes: Partial<EngineOptions> = {}, ranks = 1): Engine {
  const listeners = Array.from({ length: ranks }, () => nobody);
  return new Engine({ ...options, speedupRatio: 0, ...changes }, systemClock, listeners);
}

function contextOf(signal: AbortSignal): RequestContext {
  const rest = { headers: {}, metadata: {}, deadline: undefined, isStopped: false, isKilled: false };
  return { id: "42", signal, ...rest };
}

const ask = (prompt: readonly number[], maxTokens?: number, more: object = {}) => ({
  token_ids: prompt,
  stop_conditions: { max_tokens: maxTokens ?? null },
  ...more,
});

const outputOf = ({ json }: EncodedItem) => parseEngineOutput(JSON.parse(json));

async function answer(engine: Engine, request: unknown, seed = 0): Promise<EngineOutput[]> {
  const { signal } = new AbortController();
  const items: EngineOutput[] = [];
  for await (const item of tokenHandler(engine, { seed, fault: undefined })(request, contextOf(signal))) {
    items.push(outputOf(item));
  }
  expect(engine.ranks.map(({ scheduler }) => scheduler.pool.refs)).toEqual(engine.ranks.map(() => 0));
  expect(engine.ranks.map(({ requests }) => requests)).toEqual(engine.ranks.map(() => 0));
  return items;
}

const idsOf = (items: EngineOutput[]) => items.flatMap(({ token_ids }) => token_ids);

describe("an answer", () => {
  it("is what the mocker of 1.6.1 writes: an item for each token, then the reason of the end", async () => {
    const items = await answer(engineOf(), ask(tokens(24), 5));
    const empty = {
      tokens: null,
      text: null,
      output_type: "text",
      cum_log_probs: null,
      log_probs: null,
      top_logprobs: null,
      finish_reason: null,
      index: null,
    };
    const usage = (completion_tokens: number) => ({
      prompt_tokens: 24,
      completion_tokens,
      total_tokens: 24 + completion_tokens,
      prompt_tokens_details: { audio_tokens: null, cached_tokens: 0 },
    });
    const ids = idsOf(items);
    expect(ids).toHaveLength(5);
    expect(items).toEqual([
      { ...empty, token_ids: [ids[0]], completion_usage: usage(1) },
      ...ids.slice(1).map((id) => ({ ...empty, token_ids: [id] })),
      { ...empty, token_ids: [], finish_reason: "length", completion_usage: usage(5) },
    ]);
  });

  it("says how many tokens of the prompt were in the cache", async () => {
    const engine = engineOf();
    const cachedOf = (items: EngineOutput[]) =>
      items.flatMap(({ completion_usage }) => completion_usage?.prompt_tokens_details?.cached_tokens ?? []);
    expect(cachedOf(await answer(engine, ask(tokens(35), 5)))).toEqual([0, 0]);
    expect(cachedOf(await answer(engine, ask(tokens(35), 5)))).toEqual([32, 32]);
  });

  it("depends on the seed of the worker and on that of the request", async () => {
    const [plain, again, other, sampled] = await Promise.all([
      answer(engineOf(), ask(tokens(9), 20)),
      answer(engineOf(), ask(tokens(9), 20)),
      answer(engineOf(), ask(tokens(9), 20), 1),
      answer(engineOf(), ask(tokens(9), 20, { sampling_options: { seed: -7 } })),
    ]);
    expect(again).toEqual(plain);
    expect(idsOf(other)).not.toEqual(idsOf(plain));
    expect(idsOf(sampled)).not.toEqual(idsOf(plain));
  });

  it.each([
    ["stop_token_ids", {}, "stop"],
    ["stop_token_ids_hidden", {}, "stop"],
    ["eos_token_ids", {}, "eos"],
    ["eos_token_ids", { ignore_eos: true }, "length"],
  ])("ends with a token of %s, with %j as %s", async (list, conditions, reason) => {
    const whole = idsOf(await answer(engineOf(), ask(tokens(9), 20)));
    const ending = [whole[2]];
    const request = {
      token_ids: tokens(9),
      eos_token_ids: list === "eos_token_ids" ? ending : [],
      // As frontends send them: the end tokens of the model are stop tokens too.
      stop_conditions: {
        max_tokens: 20,
        ...conditions,
        ...(list === "eos_token_ids" ? { stop_token_ids_hidden: ending } : { [list]: ending }),
      },
    };
    const items = await answer(engineOf(), request);
    expect(items.at(-1)?.finish_reason).toBe(reason);
    expect(idsOf(items)).toEqual(reason === "length" ? whole : whole.slice(0, whole.indexOf(whole[2]!) + 1));
  });

  it("has no tokens when none were asked for", async () => {
    const items = await answer(engineOf(), ask(tokens(9), 0));
    expect(items).toMatchObject([{ token_ids: [], finish_reason: "length" }]);
  });
});

describe("a request", () => {
  it("without max_tokens is refused as the mocker of 1.6.1 does", async () => {
    await expect(answer(engineOf(), ask(tokens(9)))).rejects.toMatchObject({
      code: "invalid_argument",
      message: "max_output_tokens must be specified for mocker",
      publicDetails: {
        type: "message",
        message: "`max_output_tokens` (or `max_tokens`) is required by the mocker worker",
      },
    });
  });

  it.each([
    ["longer than the context", { maxModelLen: 32 }, 41],
    ["larger than the cache", { numGpuBlocks: 8 }, 41],
    ["empty", {}, 0],
  ])("that is %s is rejected", async (_why, changes, length) => {
    expect(await answer(engineOf(changes), ask(tokens(length), 3))).toMatchObject([
      {
        token_ids: [],
        finish_reason: { error: "request rejected: request exceeds worker admission limits" },
      },
    ]);
  });

  it("that is no request is refused with the field at fault", async () => {
    await expect(answer(engineOf(), { token_ids: ["a"] })).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("token_ids[0]") as string,
    });
  });

  it.each([
    ["routing", (dp_rank: number) => ({ routing: { dp_rank } })],
    ["dp_rank of 0.7", (dp_rank: number) => ({ dp_rank })],
  ])("goes to the rank of its %s", async (_where, rankIn) => {
    const engine = engineOf({}, 2);
    await answer(engine, ask(tokens(35), 1, rankIn(1)));
    expect(engine.ranks.map(({ scheduler }) => [...scheduler.pool.names].length)).toEqual([0, 8]);
    await expect(answer(engine, ask(tokens(35), 1, rankIn(2)))).rejects.toMatchObject({
      code: "invalid_argument",
      message: "dp_rank is 2, but the ranks are 0 to 1",
    });
  });
});

describe("the end of a caller's patience", () => {
  it("ends the request, and the last item says so with what was done", async () => {
    const engine = engineOf({ numGpuBlocks: 10_000 });
    const controller = new AbortController();
    const items: EngineOutput[] = [];
    const handler = tokenHandler(engine, { seed: 0, fault: undefined });
    for await (const item of handler(ask(tokens(9), 30_000), contextOf(controller.signal))) {
      items.push(outputOf(item));
      if (items.length === 10) controller.abort();
    }
    expect(items).toHaveLength(11);
    expect(items.at(-1)).toMatchObject({
      token_ids: [],
      finish_reason: "cancelled",
      completion_usage: { completion_tokens: 10 },
    });
    expect(engine.ranks[0]?.scheduler.pool.refs).toBe(0);
  });

  it("leaves nothing behind when the caller is gone, or was before it began", async () => {
    const engine = engineOf({ numGpuBlocks: 10_000 });
    const handler = tokenHandler(engine, { seed: 0, fault: undefined });
    const gone = new AbortController();
    for await (const _item of handler(ask(tokens(9), 30_000), contextOf(gone.signal))) break;
    gone.abort();
    for await (const item of handler(ask(tokens(9), 5), contextOf(gone.signal))) {
      expect(outputOf(item).finish_reason).toBe("cancelled");
    }
    expect(engine.ranks[0]?.requests).toBe(0);
    expect(engine.ranks[0]?.scheduler.pool.refs).toBe(0);
  });
});

describe("a fault", () => {
  it("comes after so many tokens when the request asks for it", async () => {
    const engine = engineOf();
    const items: EngineOutput[] = [];
    const failing = async () => {
      const { signal } = new AbortController();
      const request = ask(tokens(9), 5, { annotations: ["mock_fault:fail_after:3"] });
      for await (const item of tokenHandler(engine, { seed: 0, fault: undefined })(
        request,
        contextOf(signal),
      )) {
        items.push(outputOf(item));
      }
    };
    await expect(failing()).rejects.toThrow("mock fault: failed after 3 tokens");
    expect(items).toHaveLength(3);
    expect(engine.ranks[0]?.requests).toBe(0);
  });
});
