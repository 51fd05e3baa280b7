import OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { text } from "./support/chunks.ts";
import { deploy } from "./support/deployment.ts";
import type { ChatHandler, Deployment } from "./support/deployment.ts";
import { chat, errorOf, send } from "./support/http.ts";
import { seriesOf } from "./support/metrics.ts";

/** As long as the text, and as many of them as there are texts. */
const embed: ChatHandler = async function* ({ input, model, encoding_format: format }) {
  const texts = [input].flat() as string[];
  const data = texts.map((each, index) => {
    const vector = [each.length, 0.5];
    const bytes = Buffer.from(new Float32Array(vector).buffer).toString("base64");
    return { object: "embedding", index, embedding: format === "base64" ? bytes : vector };
  });
  yield { object: "list", model, data, usage: { prompt_tokens: texts.length, total_tokens: texts.length } };
};

const EMBEDDING = { card: { model_type: "Embedding" } };

function ask({ url }: Deployment, fields: object) {
  return send(url, { path: "/v1/embeddings", body: JSON.stringify({ model: "m", ...fields }) });
}

test("the official client gets embeddings from a worker that serves them", async () => {
  const deployment = await deploy();
  await deployment.serve(embed, EMBEDDING);
  const client = new OpenAI({ baseURL: `${deployment.url}/v1`, apiKey: "none", maxRetries: 0 });
  const { data, usage } = await client.embeddings.create({ model: "m", input: ["a", "bcd"] });
  expect(data.map(({ embedding }) => embedding)).toEqual([
    [1, 0.5],
    [3, 0.5],
  ]);
  expect(usage).toEqual({ prompt_tokens: 2, total_tokens: 2 });
});

test("the worker gets the client's own bytes", async () => {
  const deployment = await deploy();
  const seen: unknown[] = [];
  await deployment.serve(async function* (request, context) {
    seen.push(request);
    yield* embed(request, context);
  }, EMBEDDING);
  const fields = { input: "a", dimensions: 8, later_field: { a: 1 } };
  expect((await ask(deployment, fields)).status).toBe(200);
  expect(seen).toEqual([{ model: "m", ...fields }]);
});

test("several items of a worker are one answer", async () => {
  const deployment = await deploy();
  await deployment.serve(async function* (request, context) {
    yield* embed({ ...request, input: "a" }, context);
    yield* embed({ ...request, input: "bc" }, context);
  }, EMBEDDING);
  const answer = await ask(deployment, { input: ["a", "bc"] });
  expect(JSON.parse(answer.body)).toMatchObject({
    data: [{ embedding: [1, 0.5] }, { embedding: [2, 0.5] }],
    usage: { prompt_tokens: 2, total_tokens: 2 },
  });
});

describe("workers of one model", () => {
  test("are asked for what they serve", async () => {
    const deployment = await deploy();
    await deployment.serve(embed, { ...EMBEDDING, endpoint: "dynamo.embedder.generate" });
    await deployment.serve(async function* () {
      yield text("hi");
    });
    for (let turn = 0; turn < 3; turn += 1) {
      expect((await ask(deployment, { input: "a" })).status).toBe(200);
      expect((await send(deployment.url, { body: chat() })).status).toBe(200);
    }
  });

  test("that serve none are named, and a model that isn't there is not found", async () => {
    const deployment = await deploy();
    await deployment.serve(async function* () {
      yield text("hi");
    });
    const none = await ask(deployment, { input: "a" });
    expect(none.status).toBe(404);
    expect(errorOf(none).message).toBe("Model 'm' has no worker for /v1/embeddings (model_type Embedding)");
    const unknown = await ask(deployment, { model: "nobody", input: "a" });
    expect(errorOf(unknown)).toMatchObject({ code: 404, message: "Model not found: 'nobody'" });
    await deployment.serve(embed, { ...EMBEDDING, model: "e", endpoint: "dynamo.embedder.generate" });
    const chats = await send(deployment.url, { body: chat({ model: "e" }) });
    expect(errorOf(chats).message).toBe("Model 'e' has no worker for /v1/chat/completions (model_type Chat)");
  });
});

test.each([
  [{}, "missing field `input`", "input"],
  [{ input: [] }, "Input", "input"],
  [{ input: 7 }, "Input must be", "input"],
  [{ input: "a", dimensions: 0 }, "Dimensions must be an integer greater than 0, got 0", "dimensions"],
  [{ input: "a", encoding_format: "hex" }, "encoding_format", "encoding_format"],
])("%j is refused", async (fields, message, param) => {
  const deployment = await deploy();
  await deployment.serve(embed, EMBEDDING);
  const answer = await ask(deployment, fields);
  expect(answer.status).toBe(400);
  expect(errorOf(answer).message).toContain(message);
  expect(errorOf(answer).param).toBe(param);
});

test("a worker that fails, or sends what is no embedding, has no answer", async () => {
  const deployment = await deploy();
  await deployment.serve(async function* (request) {
    if (request["input"] === "fail") throw new Error("secret");
    if (request["input"] === "nothing") return;
    yield { choices: [] };
  }, EMBEDDING);
  for (const input of ["fail", "nothing", "chunk"]) {
    const answer = await ask(deployment, { input });
    expect(errorOf(answer)).toMatchObject({ code: 500, message: "Internal server error" });
  }
  await deployment.rest();
  const metrics = seriesOf(await deployment.frontend.metrics.text());
  expect(
    metrics.get(
      'dynamo_frontend_requests_total{model="m",endpoint="embeddings",request_type="unary",status="error",error_type="internal"}',
    ),
  ).toBe(3);
});
