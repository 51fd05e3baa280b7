import { describe, expect, test } from "vitest";
import { checkChatRequest } from "../src/chat/schema.ts";
import { HttpError } from "../src/errors.ts";

const GOOD = { model: "m", messages: [{ role: "user", content: "hi" }] };

function refusalOf(fields: object): { status: number; message: string; param: string | null } {
  try {
    checkChatRequest({ ...GOOD, ...fields });
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    return { status: error.status, message: error.message, param: error.body.error.param };
  }
  throw new Error(`Not refused: ${JSON.stringify(fields)}`);
}

describe("a chat request", () => {
  test.each([
    [{}],
    [{ temperature: 2, top_p: 0, n: 128, frequency_penalty: -2, presence_penalty: 2, top_logprobs: 20 }],
    [{ temperature: null, stream: null, stop: null, max_tokens: null, stream_options: null }],
    [{ stop: ["a", "b", "c", "d", "e"], seed: 2 ** 60, logit_bias: { "1": 100 } }],
    [{ stream: true, stream_options: { include_usage: true, later: 1 } }],
    [{ frobnicate: { deep: [1] }, nvext: { anything: true } }],
    [{ messages: [{ role: "assistant", content: null, tool_calls: [] }] }],
    [{ messages: [{ role: "user", content: [{ type: "text", text: "hi" }] }] }],
  ])("%j is taken", (fields) => {
    expect(() => checkChatRequest({ ...GOOD, ...fields })).not.toThrow();
  });

  test.each([
    [{ temperature: 3 }, "Validation: Temperature must be between 0 and 2, got 3", "temperature"],
    [{ top_p: 2 }, "Validation: Top_p must be between 0 and 1, got 2", "top_p"],
    [
      { presence_penalty: 3 },
      "Validation: Presence penalty must be between -2 and 2, got 3",
      "presence_penalty",
    ],
    [
      { frequency_penalty: -3 },
      "Validation: Frequency penalty must be between -2 and 2, got -3",
      "frequency_penalty",
    ],
    [{ n: 0 }, "Validation: n must be between 1 and 128, got 0", "n"],
    [{ n: 129 }, "Validation: n must be between 1 and 128, got 129", "n"],
    [{ top_logprobs: 21 }, "Validation: Top_logprobs must be between 0 and 20, got 21", "top_logprobs"],
    [{ max_tokens: 0 }, "Validation: Max_tokens must be an integer greater than 0, got 0", "max_tokens"],
    [{ stream_options: {} }, "Validation: stream_options needs stream to be true", "stream_options"],
    [{ model: "" }, "Validation: Model cannot be empty", "model"],
    [{ messages: [] }, "Validation: Messages cannot be empty", "messages"],
    [
      { logit_bias: { "1": 101 } },
      "Validation: Logit bias must be between -100 and 100, got 101",
      "logit_bias.1",
    ],
  ])("%j is refused", (fields, message, param) => {
    expect(refusalOf(fields)).toEqual({ status: 400, message, param });
  });

  test.each([
    [{ model: undefined }, /missing field `model`/, "model"],
    [{ messages: undefined }, /missing field `messages`/, "messages"],
    [{ model: 7 }, /model: .*expected string/, "model"],
    [{ messages: "hi" }, /messages: .*expected array/, "messages"],
    [{ messages: [{ content: "hi" }] }, /missing field `messages\.0\.role`/, "messages.0.role"],
    [{ stream: "yes" }, /stream: .*expected boolean/, "stream"],
    [{ temperature: "hot" }, /temperature: .*expected number/, "temperature"],
  ])("the shape of %j is wrong", (fields, message, param) => {
    const refusal = refusalOf(fields);
    expect(refusal.message).toMatch(/^Failed to deserialize the JSON body into the target type: /);
    expect(refusal).toMatchObject({ status: 400, message: expect.stringMatching(message) as string, param });
  });

  test.each([["text"], [3], [null], [[]]])("%j is no request", (value) => {
    expect(() => checkChatRequest(value)).toThrow(
      /^Failed to deserialize the JSON body into the target type: /,
    );
  });
});
