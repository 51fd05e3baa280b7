import OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { chatOf } from "../src/responses/to-chat.ts";
import { checkResponsesRequest } from "../src/responses/schema.ts";
import { chunk, delta, finish, text } from "./support/chunks.ts";
import { deploy } from "./support/deployment.ts";
import type { ChatHandler, Deployment } from "./support/deployment.ts";
import { errorOf, send } from "./support/http.ts";
import { parseSse } from "./support/sse.ts";
import { saying, serveTokens } from "./tokens/support.ts";

const usage = {
  prompt_tokens: 3,
  completion_tokens: 2,
  total_tokens: 5,
  prompt_tokens_details: { cached_tokens: 1 },
};

const hello: ChatHandler = async function* () {
  yield delta({ role: "assistant", content: "Hel" });
  yield text("lo");
  yield finish();
  yield chunk([], { usage });
};

function clientOf(url: string): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
}

function ask({ url }: Deployment, fields: object) {
  return send(url, { path: "/v1/responses", body: JSON.stringify({ model: "m", input: "hi", ...fields }) });
}

interface Event {
  readonly type: string;
  readonly sequence_number: number;
  readonly [field: string]: unknown;
}

/** The events of a stream, each of which has to have the name of its type and the next number. */
function eventsOf(body: string): Event[] {
  const all = parseSse(body);
  expect(all.at(-1)?.data).toBe("[DONE]");
  return all.slice(0, -1).map(({ name, data = "" }, index) => {
    const event = JSON.parse(data) as Event;
    expect(event.type).toBe(name);
    expect(event.sequence_number).toBe(index);
    return event;
  });
}

describe("the official client", () => {
  test("gets a whole response, with usage", async () => {
    const deployment = await deploy();
    await deployment.serve(hello);
    const response = await clientOf(deployment.url).responses.create({
      model: "m",
      input: "hi",
      metadata: { a: "b" },
    });
    expect(response).toMatchObject({
      object: "response",
      status: "completed",
      model: "m",
      output_text: "Hello",
      metadata: { a: "b" },
      usage: {
        input_tokens: 3,
        input_tokens_details: { cached_tokens: 1 },
        output_tokens: 2,
        total_tokens: 5,
      },
    });
    expect(response.id).toMatch(/^resp_[\da-f]{32}$/);
  });

  test("gets the events of a stream", async () => {
    const deployment = await deploy();
    await deployment.serve(hello);
    const stream = clientOf(deployment.url).responses.stream({ model: "m", input: "hi" });
    const types: string[] = [];
    for await (const { type } of stream) types.push(type);
    // Those of Dynamo 1.6.1 for the same.
    expect(types).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      "response.output_text.delta",
      "response.output_text.delta",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
    expect((await stream.finalResponse()).output_text).toBe("Hello");
  });

  test("gets calls of functions after a text", async () => {
    const deployment = await deploy();
    const call = (index: number, fields: object) => delta({ tool_calls: [{ index, ...fields }] });
    await deployment.serve(async function* () {
      yield text("Well");
      yield call(0, { id: "call_1", type: "function", function: { name: "f", arguments: "" } });
      yield call(0, { function: { arguments: '{"a"' } });
      yield call(0, { function: { arguments: ":1}" } });
      yield call(1, { id: "call_2", type: "function", function: { name: "g", arguments: "{}" } });
      yield finish("tool_calls");
    });
    const stream = clientOf(deployment.url).responses.stream({ model: "m", input: "hi" });
    const { output } = await stream.finalResponse();
    expect(output).toMatchObject([
      { type: "message", content: [{ text: "Well" }], status: "completed" },
      { type: "function_call", call_id: "call_1", name: "f", arguments: '{"a":1}', status: "completed" },
      { type: "function_call", call_id: "call_2", name: "g", arguments: "{}", status: "completed" },
    ]);
  });
});

test("workers get a chat that streams", async () => {
  const deployment = await deploy();
  const seen: unknown[] = [];
  await deployment.serve(async function* (request, context) {
    seen.push(request);
    yield* hello(request, context);
  });
  await ask(deployment, { instructions: "be kind", max_output_tokens: 7, temperature: 0.5 });
  expect(seen).toEqual([
    {
      model: "m",
      messages: [
        { role: "system", content: "be kind" },
        { role: "user", content: "hi" },
      ],
      stream: true,
      stream_options: { include_usage: true },
      temperature: 0.5,
      max_completion_tokens: 7,
    },
  ]);
});

test("items of the input are messages of the chat", () => {
  const input = [
    { role: "developer", content: "be kind" },
    {
      role: "user",
      content: [
        { type: "input_text", text: "a" },
        { type: "input_text", text: "b" },
      ],
    },
    {
      role: "user",
      content: [
        { type: "input_text", text: "see" },
        { type: "input_image", image_url: "data:x", detail: "low" },
      ],
    },
    { type: "function_call", call_id: "1", name: "f", arguments: "{}" },
    { type: "function_call", call_id: "2", name: "g", arguments: "{}" },
    { type: "function_call_output", call_id: "1", output: "one" },
    { type: "message", role: "assistant", content: [{ type: "output_text", text: "done", annotations: [] }] },
  ];
  const tools = [{ type: "function", name: "f", parameters: { type: "object" }, strict: true }];
  const text = { format: { type: "json_schema", name: "s", schema: { type: "object" } } };
  const tool_choice = { type: "function", name: "f" };
  expect(chatOf(checkResponsesRequest({ model: "m", input, tools, text, tool_choice }))).toMatchObject({
    messages: [
      { role: "system", content: "be kind" },
      { role: "user", content: "ab" },
      {
        role: "user",
        content: [
          { type: "text", text: "see" },
          { type: "image_url", image_url: { url: "data:x", detail: "low" } },
        ],
      },
      {
        role: "assistant",
        tool_calls: [
          { id: "1", type: "function", function: { name: "f", arguments: "{}" } },
          { id: "2", type: "function", function: { name: "g", arguments: "{}" } },
        ],
      },
      { role: "tool", tool_call_id: "1", content: "one" },
      { role: "assistant", content: "done" },
    ],
    tools: [{ type: "function", function: { name: "f", parameters: { type: "object" }, strict: true } }],
    tool_choice: { type: "function", function: { name: "f" } },
    response_format: { type: "json_schema", json_schema: { name: "s", schema: { type: "object" } } },
  });
});

test.each([true, false])("a model that takes tokens answers too (stream: %s)", async (stream) => {
  const { deployment } = await serveTokens(() => saying("Hello"));
  const answer = await ask(deployment, { stream, max_output_tokens: 9 });
  const response = stream
    ? (eventsOf(answer.body).at(-1)?.["response"] as object)
    : (JSON.parse(answer.body) as object);
  expect(response).toMatchObject({
    status: "completed",
    output: [{ type: "message", content: [{ type: "output_text", text: "Hello" }] }],
    usage: { output_tokens: 5 },
  });
});

test("an answer that was cut is incomplete, and says why", async () => {
  const deployment = await deploy();
  await deployment.serve(async function* () {
    yield text("a");
    yield finish("length");
  });
  const incomplete = { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } };
  expect(JSON.parse((await ask(deployment, {})).body)).toMatchObject(incomplete);
  const events = eventsOf((await ask(deployment, { stream: true })).body);
  expect(events.at(-1)).toMatchObject({ type: "response.incomplete", response: incomplete });
});

describe("a worker that fails", () => {
  test("before its first item has a status", async () => {
    const deployment = await deploy();
    await deployment.serve(async function* () {
      yield* [];
      throw new Error("secret");
    });
    for (const stream of [true, false]) expect((await ask(deployment, { stream })).status).toBe(500);
  });

  test("in the middle fails the response, and shows nothing of its own words", async () => {
    const deployment = await deploy();
    await deployment.serve(async function* () {
      yield text("a");
      throw new Error("secret");
    });
    const { body } = await ask(deployment, { stream: true });
    expect(eventsOf(body).at(-1)).toMatchObject({
      type: "response.failed",
      response: {
        status: "failed",
        error: { code: "server_error", message: "Internal server error" },
        output: [{ content: [{ text: "a" }], status: "incomplete" }],
      },
    });
    expect(body).not.toContain("secret");
    expect((await ask(deployment, {})).status).toBe(500);
  });
});

test.each([
  [{ input: undefined }, 400, "missing field `input`"],
  [{ input: [] }, 400, "Input cannot be empty"],
  [{ input: 7 }, 400, "Input must be a text, or a list of messages"],
  [{ input: [{ type: "item_reference", id: "x" }] }, 400, "Input must be a text, or a list of messages"],
  [{ temperature: 3 }, 400, "Temperature must be between 0 and 2, got 3"],
  [{ previous_response_id: "resp_1" }, 501, "Validation: `previous_response_id` is not supported."],
  [{ background: true }, 501, "Validation: `background: true` is not supported."],
  [{ tools: [{ type: "web_search" }] }, 501, "A tool of type 'web_search' is not supported."],
  [{ model: "nobody" }, 404, "Model not found: 'nobody'"],
])("%j is refused with %i", async (fields, status, message) => {
  const deployment = await deploy();
  await deployment.serve(hello);
  const answer = await ask(deployment, fields);
  expect(answer.status).toBe(status);
  expect(errorOf(answer).message).toContain(message);
});

test("a model without chats is named", async () => {
  const deployment = await deploy();
  await deployment.serve(hello, { card: { model_type: "Embedding" } });
  const answer = await ask(deployment, {});
  expect(errorOf(answer)).toMatchObject({
    code: 404,
    message: "Model 'm' has no worker for /v1/responses (model_type Chat)",
  });
});
