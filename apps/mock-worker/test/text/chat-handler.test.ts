import type { EncodedItem, RequestContext } from "@dynamo/request-plane-core";
import { describe, expect, it } from "vitest";
import { chatHandler } from "../../src/text/chat-handler.ts";
import type { HandlerSettings } from "../../src/text/chat-handler.ts";
import type { ChatChunk } from "./chat-chunk.ts";

const settings: HandlerSettings = {
  modelName: "mock-model",
  reply: "echo",
  replyText: "",
  tokens: 8,
  seed: 0,
  ttftMs: 0,
  itlMs: 0,
  jitter: 0,
  fault: undefined,
};

const question = { messages: [{ role: "user", content: "one two three" }], stream: true };

function contextOf(signal: AbortSignal): RequestContext {
  const rest = { headers: {}, metadata: {}, deadline: undefined, isStopped: false, isKilled: false };
  return { id: "42", signal, ...rest };
}

async function collect(items: AsyncIterable<EncodedItem> | Iterable<EncodedItem>, into: ChatChunk[] = []) {
  for await (const { json } of items) into.push(JSON.parse(json) as ChatChunk);
  return into;
}

function answer(body: object, changes: Partial<HandlerSettings> = {}): Promise<ChatChunk[]> {
  const { signal } = new AbortController();
  return collect(chatHandler({ ...settings, ...changes })(body, contextOf(signal)));
}

const textOf = (chunks: ChatChunk[], index = 0) =>
  chunks.map(({ choices }) => choices.find((choice) => choice.index === index)?.delta.content ?? "").join("");
const finishOf = (chunks: ChatChunk[]) =>
  chunks.flatMap(({ choices }) => choices.flatMap((choice) => choice.finish_reason ?? []));

// The two ways through the handler have to say the same.
describe.each([
  ["at once", {}],
  ["paced", { ttftMs: 2, itlMs: 0.1 }],
])("an answer sent %s", (_name, pace) => {
  it("is a series of OpenAI chunks", async () => {
    const chunks = await answer(question, pace);
    const created = chunks[0]?.created ?? 0;
    const head = { id: "chatcmpl-42", object: "chat.completion.chunk", created, model: "mock-model" };
    const choices = [
      { index: 0, delta: { role: "assistant", content: "one" }, finish_reason: null },
      { index: 0, delta: { content: " two" }, finish_reason: null },
      { index: 0, delta: { content: " three" }, finish_reason: null },
      { index: 0, delta: {}, finish_reason: "stop" },
    ];
    expect(chunks).toEqual(choices.map((choice) => ({ ...head, choices: [choice] })));
    expect(Math.abs(created - Date.now() / 1000)).toBeLessThan(60);
  });

  it("ends with usage when that is wanted", async () => {
    const chunks = await answer({ ...question, stream: false }, pace);
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 },
    });
    expect(finishOf(chunks)).toEqual(["stop"]);
  });

  it("is cut at the limit, and says so", async () => {
    const chunks = await answer({ ...question, max_tokens: 2 }, pace);
    expect(textOf(chunks)).toBe("one two");
    expect(finishOf(chunks)).toEqual(["length"]);
    expect(finishOf(await answer({ ...question, max_tokens: 3 }, pace))).toEqual(["stop"]);
  });

  it("has a role and an end also when there is nothing to say", async () => {
    const chunks = await answer({ messages: [], stream: true }, pace);
    expect(chunks.map(({ choices }) => choices)).toEqual([
      [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: "stop" }],
    ]);
  });

  it("says what text it is, and no halves of characters", async () => {
    const content = 'a"\\\n\u2028 💧 \ud800';
    const chunks = await answer({ ...question, messages: [{ role: "user", content }] }, pace);
    expect(textOf(chunks)).toBe(content.toWellFormed());
  });

  it("comes n times", async () => {
    const chunks = await answer({ ...question, n: 3, stream_options: { include_usage: true } }, pace);
    for (const index of [0, 1, 2]) expect(textOf(chunks, index)).toBe("one two three");
    expect(finishOf(chunks)).toEqual(["stop", "stop", "stop"]);
    expect(chunks.at(-1)?.usage?.completion_tokens).toBe(9);
  });
});

describe("pace", () => {
  it("lets every token wait for its time", async () => {
    const start = performance.now();
    await answer(question, { ttftMs: 30, itlMs: 20 });
    expect(performance.now() - start).toBeGreaterThanOrEqual(68);
  });

  it("ends at once when the caller wants no more", async () => {
    const controller = new AbortController();
    const chunks = chatHandler({ ...settings, itlMs: 3_600_000 })(question, contextOf(controller.signal));
    const seen: ChatChunk[] = [];
    const done = collect(chunks, seen);
    await expect.poll(() => seen.length).toBe(1);
    controller.abort();
    await done;
    expect(seen).toHaveLength(1);
  });
});

describe("faults", () => {
  const failing = (fault: string) => ({ ...question, nvext: { annotations: [`mock_fault:${fault}`] } });

  it.each([0, 2, 3])("fails after %i tokens", async (after) => {
    const seen: ChatChunk[] = [];
    const { signal } = new AbortController();
    const chunks = chatHandler(settings)(failing(`fail_after:${after}`), contextOf(signal));
    await expect(collect(chunks, seen)).rejects.toThrow(`mock fault: failed after ${after} tokens`);
    expect(seen).toHaveLength(after);
    expect(finishOf(seen)).toEqual([]);
  });

  it("leaves an answer whole that is shorter", async () => {
    expect(finishOf(await answer(failing("fail_after:4")))).toEqual(["stop"]);
  });

  it("applies to every request when the worker has one, unless the request has its own", async () => {
    const fault = { kind: "fail", after: 1 } as const;
    await expect(answer(question, { fault })).rejects.toThrow("failed after 1 tokens");
    await expect(answer(failing("fail_after:2"), { fault })).rejects.toThrow("failed after 2 tokens");
  });

  it("stalls until the caller gives up", async () => {
    const controller = new AbortController();
    const chunks = chatHandler(settings)(failing("stall_after:2"), contextOf(controller.signal));
    const seen: ChatChunk[] = [];
    const done = collect(chunks, seen);
    await expect.poll(() => seen.length).toBe(2);
    controller.abort();
    await done;
    expect(seen).toHaveLength(2);
  });
});
