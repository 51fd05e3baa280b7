import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { ErrorCode } from "@dynamo/request-plane-core";
import OpenAI, {
  APIError,
  AuthenticationError,
  BadRequestError,
  ConflictError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
} from "openai";
import { describe, expect, test } from "vitest";
import { chunk, delta, finish, text } from "./support/chunks.ts";
import { deploy } from "./support/deployment.ts";
import type { Deployment } from "./support/deployment.ts";

const QUESTION = { model: "m", messages: [{ role: "user" as const, content: "hi" }] };

function clientOf(deployment: Deployment): OpenAI {
  return new OpenAI({ baseURL: `${deployment.url}/v1`, apiKey: "none", maxRetries: 0 });
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

async function failureOf(promise: PromiseLike<unknown>): Promise<APIError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof APIError) return error;
    throw error;
  }
  throw new Error("It did not fail");
}

describe("the official client", () => {
  test("gets a completion, a stream and the models", async () => {
    const deployment = await deploy();
    const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
    await deployment.serve(
      async function* () {
        yield delta({ role: "assistant", content: "Hel" });
        yield text("lo");
        yield finish();
        yield chunk([], { usage });
      },
      { model: "m" },
    );
    const client = clientOf(deployment);

    const completion = await client.chat.completions.create(QUESTION);
    expect(completion.choices[0]?.message.content).toBe("Hello");
    expect(completion.usage).toEqual(usage);

    const options = { stream: true, stream_options: { include_usage: true } } as const;
    const stream = await client.chat.completions.create({ ...QUESTION, ...options });
    const chunks = await collect(stream);
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")).toBe("Hello");
    expect(chunks.at(-1)?.usage).toEqual(usage);

    expect(await collect(client.models.list())).toEqual([
      { id: "m", object: "model", created: expect.any(Number) as number, owned_by: "nvidia" },
    ]);
    expect((await client.models.retrieve("m")).id).toBe("m");
  });

  test("gets tool calls, streamed and whole, as the same", async () => {
    const deployment = await deploy();
    await deployment.serve(async function* () {
      yield delta({
        role: "assistant",
        tool_calls: [{ index: 0, id: "a", type: "function", function: { name: "f", arguments: "" } }],
      });
      yield delta({ tool_calls: [{ index: 0, function: { arguments: '{"x":' } }] });
      yield delta({ tool_calls: [{ index: 0, function: { arguments: "1}" } }] });
      yield finish("tool_calls");
    });
    const client = clientOf(deployment);
    const whole = await client.chat.completions.create(QUESTION);
    const streamed = await client.chat.completions.stream(QUESTION).finalChatCompletion();
    const calls = [{ id: "a", type: "function", function: { name: "f", arguments: '{"x":1}' } }];
    expect(whole.choices[0]?.message.tool_calls).toEqual(calls);
    expect(streamed.choices[0]?.message.tool_calls).toMatchObject(calls);
  });

  test.each<[ErrorCode, number, new (...args: never[]) => APIError]>([
    ["invalid_argument", 400, BadRequestError],
    ["unauthenticated", 401, AuthenticationError],
    ["permission_denied", 403, PermissionDeniedError],
    ["not_found", 404, NotFoundError],
    ["conflict", 409, ConflictError],
    ["rate_limited", 429, RateLimitError],
    ["handler_failed", 500, InternalServerError],
    ["not_implemented", 501, InternalServerError],
    ["unavailable", 503, InternalServerError],
    ["deadline_exceeded", 504, InternalServerError],
    ["overloaded", 529, InternalServerError],
  ])("throws its own class for %s, streaming or not", async (code, status, errorClass) => {
    const deployment = await deploy();
    await deployment.serve(async function* () {
      yield* [];
      throw new RequestPlaneError(code, "secret\n\nwords");
    });
    const client = clientOf(deployment);
    for (const stream of [false, true]) {
      const failure = await failureOf(client.chat.completions.create({ ...QUESTION, stream }));
      expect(failure).toBeInstanceOf(errorClass);
      expect(failure.status).toBe(status);
      expect(failure.message).not.toContain("secret");
    }
  });

  test("throws for a model that isn't there and for a request that is wrong", async () => {
    const client = clientOf(await deploy());
    const missing = await failureOf(client.chat.completions.create({ ...QUESTION, model: "a/b" }));
    expect(missing).toBeInstanceOf(NotFoundError);
    expect(missing).toMatchObject({
      type: "not_found_error",
      param: "model",
      message: "404 Model not found: 'a/b'",
    });
    expect(await failureOf(client.models.retrieve("a/b"))).toBeInstanceOf(NotFoundError);

    const wrong = await failureOf(client.chat.completions.create({ ...QUESTION, temperature: 3 }));
    expect(wrong).toBeInstanceOf(BadRequestError);
    expect(wrong).toMatchObject({ type: "invalid_request_error", param: "temperature" });
  });

  test("throws when the stream breaks, after the chunks that came", async () => {
    const deployment = await deploy();
    await deployment.serve(async function* () {
      yield text("a");
      throw new Error("boom");
    });
    const stream = await clientOf(deployment).chat.completions.create({ ...QUESTION, stream: true });
    const seen: unknown[] = [];
    const read = async (): Promise<void> => {
      for await (const item of stream) seen.push(item);
    };
    const failure = await failureOf(read());
    expect(seen).toHaveLength(1);
    expect(failure).toMatchObject({ type: "internal_server_error", message: "Internal server error" });
  });
});
