import { createServer } from "node:http";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { RequestPlaneError } from "@dynamo/request-plane-core";
import { BOS_ID, EOS_ID, testModelSlots } from "@dynamo/test-model";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { ChatTemplate } from "../src/chat-template.ts";
import { Preprocessor, mdcSum } from "../src/index.ts";
import type { Chat } from "../src/index.ts";
import { cardOf, modelFolder, pool } from "./support/model.ts";

const user = (content: unknown) => ({ role: "user", content });

async function edited(file: string, fields: object): Promise<string> {
  const folder = await modelFolder();
  const path = join(folder, file);
  const content = JSON.parse(await readFile(path, "utf8")) as object;
  await writeFile(path, JSON.stringify({ ...content, ...fields }));
  return folder;
}

/** A worker's `/v1/metadata` for the files of a folder, and how often it was asked. */
async function metadataServer(folder: string, delayMs = 0): Promise<string> {
  const server = createServer((request, response) => {
    void pause(delayMs)
      .then(() => readFile(join(folder, request.url?.split("/").at(-1) ?? "")))
      .then(
        (bytes) => response.end(bytes),
        () => response.writeHead(404).end(),
      );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/metadata/dynamo/backend/generate/mock/_base`;
}

/** So many characters are rendered and tokenized on another thread. */
const LONG = 5_000;

async function textOf(model: Preprocessor, chat: Chat): Promise<string> {
  const { text, ids } = await model.chatPrompt(chat);
  expect(ids).toEqual(await model.tokenize(text, false));
  return text;
}

describe("a model", () => {
  test("turns a chat into tokens, and knows its end tokens and its length", async () => {
    const card = await cardOf(await modelFolder(), { runtime_config: { context_length: 512 } });
    const model = await Preprocessor.load(card, pool());
    expect(await model.chatPrompt({ messages: [user("xy")] })).toEqual({
      text: "<s><|user|>xy<|end|><|assistant|>",
      ids: [BOS_ID, 258, 120, 121, 261, 259],
    });
    expect(model.endTokens).toEqual([EOS_ID]);
    expect(model.contextLength).toBe(512);
    expect((await Preprocessor.load({ ...card, runtime_config: {} }, pool())).contextLength).toBeUndefined();
  });

  test("takes long texts on another thread, with the same outcome", async () => {
    const model = await Preprocessor.load(await cardOf(await modelFolder()), pool());
    const text = "baka riju é 你 ".repeat(1000);
    const ids = await model.tokenize(text, false);
    expect(model.decode(ids, true)).toBe(text);
    const parts = text.match(/.{1,3000}(?= )/gs) ?? [];
    const inline = await Promise.all(parts.map((part) => model.tokenize(part, false)));
    expect(ids.length).toBeGreaterThanOrEqual(inline.flat().length);
  });

  test.each([
    ["a long message", [user("z".repeat(LONG))]],
    ["many short ones", Array.from({ length: LONG }, () => user("z"))],
    [
      "long calls of tools",
      [{ role: "assistant", tool_calls: [{ function: { arguments: "z".repeat(LONG) } }] }],
    ],
  ])("renders %s on another thread, in one go with its tokens", async (_name, messages) => {
    const render = vi.spyOn(ChatTemplate.prototype, "render");
    onTestFinished(() => render.mockRestore());
    // The text is too short to go to a thread by itself.
    const folder = await edited("tokenizer_config.json", { chat_template: "x{{ messages | length }}" });
    const threads = pool({ threads: 1 });
    const model = await Preprocessor.load(await cardOf(folder), threads);
    const asked = vi.spyOn(threads, "tokenize");
    const { text, ids } = await model.chatPrompt({ messages });
    expect([text, threads.threads]).toEqual([`x${messages.length}`, 1]);
    expect(model.decode(ids, true)).toBe(text);
    expect(render).not.toHaveBeenCalled();
    expect(asked).not.toHaveBeenCalled();
    await model.chatPrompt({ messages: [user("z")] });
    expect(render).toHaveBeenCalledOnce();
  });

  test("is not held up by a template that doesn't end", async () => {
    const rounds = "{% for i in range(3000) %}".repeat(4) + "{% endfor %}".repeat(4);
    const folder = await edited("tokenizer_config.json", { chat_template: rounds });
    const threads = pool({ threads: 1, timeoutMs: 200 });
    const model = await Preprocessor.load(await cardOf(folder), threads);
    await expect(model.chatPrompt({ messages: [user("z".repeat(LONG))] })).rejects.toMatchObject({
      code: "deadline_exceeded",
    });
    // A text that comes before the thread is gone doesn't go with it: it has a new thread, and as little time.
    const next = await model.tokenize("xy".repeat(LONG), false).then(
      (ids) => ids.length,
      (error: unknown) => (error as RequestPlaneError).code,
    );
    expect([LONG * 2, "deadline_exceeded"]).toContain(next);
  });

  test("comes from the worker's own address, too", async () => {
    const folder = await modelFolder();
    const address = await metadataServer(folder);
    const card = await cardOf(folder, await testModelSlots(folder, address));
    const model = await Preprocessor.load(card, pool());
    expect(await model.tokenize("xy", false)).toEqual([120, 121]);
  });

  test.each([
    ["a text", "T{{ messages[0].content }}", "Txy"],
    [
      "a list",
      [
        { name: "default", template: "D" },
        { name: "tool_use", template: "T{{ tools | length }}" },
      ],
      "D",
    ],
  ])("may have %s for a template", async (_name, chat_template, expected) => {
    const folder = await edited("tokenizer_config.json", { chat_template });
    const model = await Preprocessor.load(await cardOf(folder), pool());
    for (const length of [1, LONG]) {
      const told = (chat: Partial<Chat>) =>
        textOf(model, { messages: [user("xy"), user("z".repeat(length))], ...chat });
      expect(await told({})).toBe(expected);
      if (Array.isArray(chat_template)) expect(await told({ tools: [{ type: "function" }] })).toBe("T1");
    }
  });

  test("is given lists of texts as one text, and no generation prompt behind its own words", async () => {
    const model = await Preprocessor.load(await cardOf(await modelFolder()), pool());
    const parts = [
      { type: "text", text: "a" },
      { type: "text", text: "b" },
    ];
    expect(await textOf(model, { messages: [user(parts)] })).toContain("<|user|>a\nb<|end|>");
    for (const length of [1, LONG]) {
      const begun = { messages: [user("a".repeat(length)), { role: "assistant", content: "b" }] };
      expect((await textOf(model, begun)).endsWith("<|assistant|>b<|end|>")).toBe(true);
      const further = { ...begun, templateArguments: { add_generation_prompt: true } };
      expect(await textOf(model, further)).toMatch(/assistant\|>$/);
    }
  });

  test("has the checksum that a frontend of Dynamo 1.6.1 sends for its card", async () => {
    const card = await cardOf(await modelFolder(), {
      source_path: "/models/mock",
      context_length: 512,
      kv_cache_block_size: 4,
    });
    expect(mdcSum(card)).toBe("7cf7857ee4dd9369dc62ec8d121d5e9a4767e46ec2fd5daa2470fccb4e98b203");
  });
});

describe("a client is told", () => {
  test("that the model has no template", async () => {
    const folder = await edited("tokenizer_config.json", { chat_template: undefined });
    const model = await Preprocessor.load(await cardOf(folder), pool());
    for (const length of [1, LONG]) {
      await expect(model.chatPrompt({ messages: [user("a".repeat(length))] })).rejects.toMatchObject({
        code: "invalid_argument",
        message: expect.stringContaining("has no chat template") as string,
      });
    }
  });

  test("what the template says against the messages", async () => {
    const model = await Preprocessor.load(await cardOf(await modelFolder()), pool());
    for (const length of [1, LONG]) {
      const more = user("a".repeat(length));
      const refusal = async (message: Record<string, unknown>): Promise<unknown> =>
        model.chatPrompt({ messages: [message, more] }).catch((error: unknown) => error);
      const roles = "The model's chat template refuses the messages: Roles are system, user and assistant";
      expect(await refusal({ role: "fool", content: "a" })).toMatchObject({
        code: "invalid_argument",
        publicDetails: { type: "message", message: roles },
      });
      const images = expect.stringContaining("takes text only") as string;
      expect(await refusal(user([{ type: "image_url" }]))).toMatchObject({
        code: "invalid_argument",
        publicDetails: { message: images },
      });
    }
  });
});

describe("the operator is told", () => {
  test.each([
    [
      "a file that isn't there",
      { path: "/nowhere/tokenizer.json" },
      "/nowhere/tokenizer.json, which the model card",
    ],
    ["another file", { checksum: "blake3:00" }, "isn't the file that the model card names"],
    [
      "a place that isn't known here",
      { path: "hf://org/model/tokenizer.json" },
      "only paths and http addresses",
    ],
    [
      "a file without checksum",
      { checksum: undefined },
      "names hf_tokenizer_json where hf_tokenizer_json belongs",
    ],
  ])("of %s", async (_name, change, message) => {
    const card = await cardOf(await modelFolder());
    const { hf_tokenizer_json: file } = card.tokenizer as { hf_tokenizer_json: object };
    const loading = Preprocessor.load(
      { ...card, tokenizer: { hf_tokenizer_json: { ...file, ...change } } },
      pool(),
    );
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toMatchObject({ code: "invalid_configuration" });
  });

  test("of a kind of tokenizer that isn't known", async () => {
    const unknown = await edited("tokenizer.json", { model: { type: "Telepathy", vocab: {} } });
    await expect(Preprocessor.load(await cardOf(unknown), pool())).rejects.toThrow(
      "tokenizer.json can't be used",
    );
    const tiktoken = { ...(await cardOf(await modelFolder())), tokenizer: { tiktoken_model: {} } };
    await expect(Preprocessor.load(tiktoken, pool())).rejects.toThrow("names tiktoken_model where");
    await expect(Preprocessor.load({ ...tiktoken, tokenizer: null }, pool())).rejects.toThrow(
      "no hf_tokenizer_json",
    );
  });

  test("of a template that can't be read, and of files that are no JSON", async () => {
    const folder = await edited("tokenizer_config.json", { chat_template: "{% if %}" });
    await expect(Preprocessor.load(await cardOf(folder), pool())).rejects.toThrow("template can't be read");
    await writeFile(join(folder, "config.json"), "{");
    await expect(Preprocessor.load(await cardOf(folder), pool())).rejects.toThrow("config.json is not JSON");
  });

  test("of workers that don't serve their files, take too long or serve too much", async () => {
    const folder = await modelFolder();
    const absent = await cardOf(folder, await testModelSlots(folder, await metadataServer("/nowhere")));
    await expect(Preprocessor.load(absent, pool())).rejects.toThrow("the worker answers 404");
    const slow = await cardOf(folder, await testModelSlots(folder, await metadataServer(folder, 2000)));
    await expect(Preprocessor.load(slow, pool(), { timeoutMs: 50 })).rejects.toThrow("can't be read");
    const large = await cardOf(folder, await testModelSlots(folder, await metadataServer(folder)));
    await expect(Preprocessor.load(large, pool(), { maxBytes: 100 })).rejects.toThrow(
      "larger than 100 bytes",
    );
  });
});
