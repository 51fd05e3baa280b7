import { describe, expect, test } from "vitest";
import { ResponseBudget, aggregate } from "../src/chat/aggregate.ts";
import { chunk, delta, finish, text } from "./support/chunks.ts";

async function* items(...values: unknown[]): AsyncGenerator {
  yield* values;
}

async function complete(...values: unknown[]): Promise<unknown> {
  const completion = await aggregate(items(...values), new ResponseBudget(1_000_000));
  return JSON.parse(JSON.stringify(completion));
}

describe("chunks as one completion", () => {
  test("text, usage and fingerprint", async () => {
    const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
    const completion = await complete(
      delta({ role: "assistant", content: "" }),
      text("Hel"),
      text("lo"),
      finish("length"),
      chunk([], { usage, system_fingerprint: "fp", service_tier: "default" }),
    );
    expect(completion).toEqual({
      id: "chat-1",
      object: "chat.completion",
      created: 1_700_000_000,
      model: "m",
      system_fingerprint: "fp",
      service_tier: "default",
      usage,
      choices: [
        {
          index: 0,
          finish_reason: "length",
          logprobs: null,
          message: { role: "assistant", content: "Hello", refusal: null },
        },
      ],
    });
  });

  test("tool calls by index, with arguments in pieces, and no content", async () => {
    const call = (index: number, fields: object) => delta({ tool_calls: [{ index, ...fields }] });
    const completion = await complete(
      call(1, { id: "b", type: "function", function: { name: "g", arguments: "" } }),
      call(0, { id: "a", type: "function", function: { name: "f", arguments: '{"x"' } }),
      call(1, { function: { arguments: "{}" } }),
      call(0, { function: { arguments: ":1}" } }),
      finish("tool_calls"),
    );
    expect(completion).toMatchObject({
      choices: [
        {
          finish_reason: "tool_calls",
          message: {
            content: null,
            tool_calls: [
              { id: "a", type: "function", function: { name: "f", arguments: '{"x":1}' } },
              { id: "b", type: "function", function: { name: "g", arguments: "{}" } },
            ],
          },
        },
      ],
    });
    expect(JSON.stringify(completion)).not.toContain('"tool_calls":[{"index"');
  });

  test("reasoning, refusal, function_call, log probabilities and fields of tomorrow", async () => {
    const logprobs = (token: string) => ({ logprobs: { content: [{ token, logprob: -1 }], refusal: null } });
    const completion = await complete(
      delta({ reasoning_content: "because ", future: { a: "x" }, tool_calls: null }, logprobs("A")),
      delta(
        { reasoning_content: "so", refusal: "no", future: { a: "y", b: 1 }, tool_calls: [] },
        logprobs("B"),
      ),
      delta({ function_call: { name: "f", arguments: "{" } }),
      delta({ function_call: { arguments: "}" } }, { finish_reason: "function_call", stop_reason: 7 }),
    );
    expect(completion).toMatchObject({
      choices: [
        {
          finish_reason: "function_call",
          stop_reason: 7,
          logprobs: {
            content: [
              { token: "A", logprob: -1 },
              { token: "B", logprob: -1 },
            ],
          },
          message: {
            role: "assistant",
            content: null,
            refusal: "no",
            reasoning_content: "because so",
            function_call: { name: "f", arguments: "{}" },
            future: { a: "xy", b: 1 },
          },
        },
      ],
    });
    expect(completion).not.toHaveProperty("choices.0.message.tool_calls");
    expect(completion).not.toHaveProperty("choices.0.delta");
  });

  test("several choices, in the order of their indices", async () => {
    const piece = (index: number, content: string) => chunk([{ index, delta: { content } }]);
    expect(await complete(piece(1, "b"), piece(0, "a"), piece(1, "B"), piece(0, "A"))).toMatchObject({
      choices: [
        { index: 0, message: { content: "aA" } },
        { index: 1, message: { content: "bB" } },
      ],
    });
  });

  test("without a finish the reason is null", async () => {
    expect(await complete(text("a"))).toMatchObject({ choices: [{ finish_reason: null }] });
  });

  test.each([["a string"], [null], [{ text: "no choices" }], [[]]])("%j is no chunk", async (item) => {
    await expect(complete(text("a"), item)).rejects.toMatchObject({ code: "protocol_error" });
  });

  test("no chunk at all is no answer", async () => {
    await expect(complete()).rejects.toMatchObject({ code: "protocol_error" });
  });

  test("a worker that sends for ever is cut off at the limit", async () => {
    let sent = 0;
    async function* endless(): AsyncGenerator {
      for (;;) {
        sent += 1;
        yield text("x".repeat(1000));
      }
    }
    await expect(aggregate(endless(), new ResponseBudget(100_000))).rejects.toMatchObject({
      facts: { setting: "DYN_HTTP_RESPONSE_LIMIT_MB" },
    });
    expect(sent).toBeLessThan(101);
  });
});
