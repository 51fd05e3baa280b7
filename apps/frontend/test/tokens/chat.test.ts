/** Chats with models whose workers take tokens. */
import { BOS_ID, EOS_ID } from "@dynamo/test-model";
import { describe, expect, test } from "vitest";
import { chunksOf, parseSse } from "../support/sse.ts";
import { chat, errorOf, send } from "../support/http.ts";
import { bytesOf, saying, serveTokens } from "./support.ts";

interface Chunk {
  readonly choices: readonly {
    delta: { role?: string; content?: string };
    finish_reason: string | null;
    logprobs: unknown;
  }[];
  readonly usage?: unknown;
}

const user = 258;
const assistant = 259;
const end = 261;
/** `<s><|user|>xy<|end|><|assistant|>` */
const PROMPT = [BOS_ID, user, ...bytesOf("xy"), end, assistant];

describe("the worker", () => {
  test("is sent the prompt in tokens, and what the client asks of the engine", async () => {
    const served = await serveTokens(() => saying("ok"));
    const answer = await served.chat({
      max_completion_tokens: 7,
      max_tokens: 9,
      stop: "END",
      temperature: 0.5,
      seed: 3,
      top_k: 4,
      stop_token_ids: [300],
      logprobs: true,
      top_logprobs: 2,
      nvext: { annotations: ["x"], max_thinking_tokens: 5, guided_regex: "a+" },
    });
    expect(answer.status).toBe(200);
    expect(served.requests).toEqual([
      expect.objectContaining({
        model: "m",
        token_ids: PROMPT,
        stop_conditions: {
          max_tokens: 7,
          stop: ["END"],
          stop_token_ids: [300],
          stop_token_ids_hidden: [EOS_ID, 300],
          min_tokens: null,
          ignore_eos: null,
          max_thinking_tokens: 5,
        },
        sampling_options: expect.objectContaining({
          temperature: 0.5,
          seed: 3,
          top_k: 4,
          guided_decoding: { regex: "a+" },
        }) as object,
        output_options: { logprobs: 2, prompt_logprobs: null, skip_special_tokens: null },
        eos_token_ids: [EOS_ID],
        annotations: ["x"],
        mdc_sum: expect.stringMatching(/^[\da-f]{64}$/) as string,
      }),
    ]);
  });

  test("is sent no limit when neither client nor model has one, and the room that is left when the model has", async () => {
    const unknown = await serveTokens(() => saying("ok"));
    await unknown.chat();
    expect(unknown.requests[0]?.stop_conditions.max_tokens).toBeNull();
    const known = await serveTokens(() => saying("ok"), { card: { runtime_config: { context_length: 20 } } });
    await known.chat();
    expect(known.requests[0]?.stop_conditions.max_tokens).toBe(20 - PROMPT.length);
  });
});

describe("the answer", () => {
  test("comes whole, with usage", async () => {
    const usage = { prompt_tokens: 6, completion_tokens: 2, total_tokens: 8 };
    const served = await serveTokens(() =>
      saying("hello", {
        finish_reason: "length",
        completion_usage: { ...usage, prompt_tokens_details: { cached_tokens: 4 } },
      }),
    );
    const answer = await served.chat();
    expect(JSON.parse(answer.body)).toMatchObject({
      object: "chat.completion",
      model: "m",
      choices: [{ index: 0, message: { role: "assistant", content: "hello" }, finish_reason: "length" }],
      usage: {
        prompt_tokens: 6,
        completion_tokens: 5,
        total_tokens: 11,
        prompt_tokens_details: { cached_tokens: 4 },
      },
    });
  });

  test("streams: no half characters, the role once, usage when asked for", async () => {
    const served = await serveTokens(() => saying("é 你🙂"));
    const answer = await served.chat({ stream: true, stream_options: { include_usage: true } });
    const chunks = chunksOf(answer.body) as Chunk[];
    const choices = chunks.flatMap(({ choices: [choice] }) => choice ?? []);
    expect(choices.map(({ delta }) => delta.content)).toEqual(["é", " ", "你", "🙂", ""]);
    expect(choices.filter(({ delta }) => delta.role !== undefined)).toHaveLength(1);
    expect(choices.map(({ finish_reason: reason }) => reason).filter(Boolean)).toEqual(["stop"]);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 6, completion_tokens: 10 } });
  });

  test("ends at a stop text, none of which is shown, and the worker is told", async () => {
    let cut = false;
    const served = await serveTokens(function* (_request, { signal }) {
      try {
        for (;;) yield* bytesOf("tick STOP ").map((id) => ({ token_ids: [id] }));
      } finally {
        cut = signal.aborted;
      }
    });
    const answer = await served.chat({ stop: ["STOP"], stream: true });
    const chunks = chunksOf(answer.body) as Chunk[];
    expect(chunks.map(({ choices }) => choices[0]?.delta.content).join("")).toBe("tick ");
    expect(chunks.at(-1)?.choices[0]).toMatchObject({ finish_reason: "stop", stop_reason: "STOP" });
    await served.deployment.rest();
    expect(cut).toBe(true);
  });

  test("ends at the model's end token, which is not shown", async () => {
    const served = await serveTokens(function* () {
      for (const id of [...bytesOf("ab"), EOS_ID, ...bytesOf("c")]) yield { token_ids: [id] };
    });
    const whole = JSON.parse((await served.chat()).body) as { choices: object[]; usage: object };
    expect(whole.choices).toMatchObject([{ message: { content: "ab" }, finish_reason: "stop" }]);
    expect(whole.usage).toMatchObject({ completion_tokens: 3 });
    expect(JSON.stringify(whole)).not.toContain("stop_reason");
    const ignoring = await served.chat({ ignore_eos: true, skip_special_tokens: false });
    expect(ignoring.body).toContain('"content":"ab</s>c"');
    expect(served.requests[1]).toMatchObject({
      eos_token_ids: [],
      stop_conditions: { stop_token_ids_hidden: null },
    });
  });

  test("has the log probabilities that the engine gives", async () => {
    const served = await serveTokens(function* () {
      yield {
        token_ids: bytesOf("a"),
        log_probs: [-0.25],
        top_logprobs: [
          [
            { token_id: 97, logprob: -0.25, rank: 1 },
            { token_id: 98, logprob: -2, rank: 2 },
          ],
        ],
      };
      yield { token_ids: [], finish_reason: "eos" };
    });
    const answer = await served.chat({ logprobs: true, top_logprobs: 2 });
    const [a, b] = [
      { token: "a", logprob: -0.25, bytes: [97] },
      { token: "b", logprob: -2, bytes: [98] },
    ];
    expect(JSON.parse(answer.body)).toMatchObject({
      choices: [{ logprobs: { content: [{ ...a, top_logprobs: [a, b] }] } }],
    });
    expect((await served.chat()).body).toContain('"logprobs":null');
  });

  test("tells what the client asked to be told of the prompt", async () => {
    const served = await serveTokens(() => saying("ok"));
    const annotations = ["formatted_prompt", "token_ids", "other"];
    const answer = await served.chat({ stream: true, nvext: { annotations } });
    const named = parseSse(answer.body).filter(({ name }) => name !== undefined);
    expect(named.map(({ name, comments }) => [name, JSON.parse(comments.join("")) as unknown])).toEqual([
      ["token_ids", JSON.stringify(PROMPT)],
      ["formatted_prompt", "<s><|user|>xy<|end|><|assistant|>"],
    ]);
  });

  test("of an engine that fails is an error", async () => {
    const served = await serveTokens(() => saying("a", { finish_reason: { error: "out of memory" } }));
    const whole = await served.chat();
    expect(whole.status).toBe(500);
    expect(whole.body).not.toContain("out of memory");
    const stream = await served.chat({ stream: true });
    expect(stream.body).toContain('data: {"error":{');
    expect(stream.body.endsWith("data: [DONE]\n\n")).toBe(true);
  });
});

describe("refused with 400", () => {
  test.each([
    ["n", { n: 2 }, "n must be 1"],
    ["stop", { stop: Array.from({ length: 33 }, () => "x") }, "stop may hold 32 texts, got 33"],
    ["min_tokens", { min_tokens: -1 }, "Min_tokens must be"],
    ["stop_token_ids.0", { stop_token_ids: [-1] }, "Token ids must be"],
    [null, { messages: [{ role: "fool", content: "hi" }] }, "Roles are system, user and assistant"],
    [
      null,
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "x" } }] }] },
      "takes text only",
    ],
  ])("%s", async (param, fields, message) => {
    const served = await serveTokens(() => saying("ok"));
    const answer = await served.chat(fields);
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toMatchObject({ param });
    expect(errorOf(answer).message).toContain(message);
    expect(served.requests).toEqual([]);
  });

  test("a prompt that is longer than the context, before a worker is chosen", async () => {
    const served = await serveTokens(() => saying("ok"), { card: { runtime_config: { context_length: 6 } } });
    const answer = await served.chat();
    expect(answer.status).toBe(400);
    expect(errorOf(answer).message).toContain(
      "maximum context length is 6 tokens. However, your prompt has 6",
    );
    const completion = await served.complete({ prompt: ["x", "xy xy xy"] });
    expect(errorOf(completion)).toMatchObject({ code: 400, param: "prompt" });
    expect(served.requests).toEqual([]);
  });
});

test("a request that names its worker says so to the worker", async () => {
  const served = await serveTokens(() => saying("ok"));
  const id = served.deployment.workers[0]!.id;
  await send(served.deployment.url, {
    headers: { "x-dynamo-worker-instance-id": String(id), "x-dynamo-dp-rank": "1" },
    body: chat(),
  });
  expect(served.requests[0]).toMatchObject({
    routing: { backend_instance_id: id, decode_worker_id: id, dp_rank: 1 },
    dp_rank: 1,
  });
});
