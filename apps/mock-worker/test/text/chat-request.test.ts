import { describe, expect, it } from "vitest";
import { readChatRequest } from "../../src/text/chat-request.ts";

const user = (content: unknown) => ({ role: "user", content });

describe("readChatRequest", () => {
  it("takes the last user message as the question and all of them as the prompt", () => {
    const messages = [
      { role: "system", content: "Be kind." },
      user("One"),
      user("Two"),
      { role: "assistant" },
    ];
    expect(readChatRequest({ messages })).toMatchObject({ question: "Two", prompt: "Be kind.\nOne\nTwo\n" });
  });

  it("reads content in parts, and only their text", () => {
    const parts = [
      { type: "text", text: "What is " },
      { type: "image_url", image_url: {} },
      { type: "text", text: "it?" },
    ];
    expect(readChatRequest({ messages: [user(parts)] }).question).toBe("What is it?");
  });

  it("has defaults for what is absent or null", () => {
    const expected = { question: "", n: 1, maxTokens: undefined, wantsUsage: true, fault: undefined };
    expect(readChatRequest({ messages: [] })).toMatchObject(expected);
    const nulls = {
      n: null,
      max_tokens: null,
      max_completion_tokens: null,
      stream_options: null,
      nvext: null,
    };
    expect(readChatRequest({ messages: [], ...nulls })).toMatchObject(expected);
  });

  it("prefers max_completion_tokens, the newer name", () => {
    expect(readChatRequest({ messages: [], max_tokens: 3 }).maxTokens).toBe(3);
    expect(readChatRequest({ messages: [], max_tokens: 3, max_completion_tokens: 2 }).maxTokens).toBe(2);
  });

  it.each([
    [{}, true],
    [{ stream: false }, true],
    [{ stream: true }, false],
    [{ stream: true, stream_options: { include_usage: false } }, false],
    [{ stream: true, stream_options: { include_usage: true } }, true],
  ])("wants usage for %j: %s", (fields, wanted) => {
    expect(readChatRequest({ messages: [], ...fields }).wantsUsage).toBe(wanted);
  });

  it("finds a fault among the annotations", () => {
    const annotations = ["formatted_prompt", "mock_fault:stall_after:4"];
    expect(readChatRequest({ messages: [], nvext: { annotations } }).fault).toEqual({
      kind: "stall",
      after: 4,
    });
  });

  it("refuses a limit beyond 2^53 with its digits", () => {
    const request = { messages: [], max_tokens: 2n ** 63n };
    expect(() => readChatRequest(request)).toThrow("got 9223372036854775808");
  });

  it.each([
    [undefined, "list of messages"],
    ["Hello", "list of messages"],
    [{ messages: "Hello" }, "list of messages"],
    [{ messages: [], n: 0 }, "n must be a whole number from 1 to 128, got 0"],
    [{ messages: [], n: 129 }, "got 129"],
    [{ messages: [], max_tokens: 1.5 }, "max_tokens must be a whole number"],
    [{ messages: [], max_tokens: "3" }, 'got "3"'],
    [{ messages: [], nvext: { annotations: ["mock_fault:nonsense"] } }, "'nonsense' is no fault"],
  ])("refuses %j", (body, message) => {
    expect(() => readChatRequest(body)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
    expect(() => readChatRequest(body)).toThrow(message);
  });
});
