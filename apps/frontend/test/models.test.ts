import { describe, expect, test } from "vitest";
import { text } from "./support/chunks.ts";
import { deploy } from "./support/deployment.ts";
import type { ChatHandler, Deployment } from "./support/deployment.ts";
import { chat, errorOf, send } from "./support/http.ts";
import { until } from "@dynamo/test-support";

function says(word: string): ChatHandler {
  return async function* () {
    yield text(word);
  };
}

async function listed(deployment: Deployment): Promise<string[]> {
  const answer = await send(deployment.url, { method: "GET", path: "/v1/models" });
  return (JSON.parse(answer.body) as { data: { id: string }[] }).data.map(({ id }) => id).sort();
}

async function answerOf(deployment: Deployment, model: string): Promise<string> {
  const answer = await send(deployment.url, { body: chat({ model }) });
  if (answer.status !== 200) return String(answer.status);
  return (JSON.parse(answer.body) as { choices: { message: { content: string } }[] }).choices[0]!.message
    .content;
}

describe("models", () => {
  test("are listed as in OpenAI's API", async () => {
    const deployment = await deploy();
    await deployment.serve(says("x"), { model: "org/name" });
    const { status, body } = await send(deployment.url, { method: "GET", path: "/v1/models" });
    expect(status).toBe(200);
    const created = expect.any(Number) as number;
    const model = { id: "org/name", object: "model", created, owned_by: "nvidia" };
    expect(JSON.parse(body)).toEqual({ object: "list", data: [model] });
    const one = await send(deployment.url, { method: "GET", path: "/v1/models/org%2Fname" });
    expect(JSON.parse(one.body)).toEqual(model);
    const same = await send(deployment.url, { method: "GET", path: "/v1/models/org/name" });
    expect(JSON.parse(same.body)).toEqual(model);

    const endpoint = "dynamo.long.generate";
    await deployment.serve(says("y"), {
      model: "long",
      endpoint,
      card: { context_length: 0, runtime_config: { context_length: 4096 } },
    });
    const long = await send(deployment.url, { method: "GET", path: "/v1/models/long" });
    expect(JSON.parse(long.body)).toEqual({ ...model, id: "long", context_window: 4096 });
  });

  test("vanish with their last card, and are not found then", async () => {
    const deployment = await deploy();
    const first = await deployment.serve(says("x"));
    const second = await deployment.serve(says("x"));
    await first.withdrawCard();
    await until("the first card is gone", () => !deployment.sees(first, "m"));
    expect(await listed(deployment)).toEqual(["m"]);
    expect(await answerOf(deployment, "m")).toBe("x");

    await second.withdrawCard();
    await until("the model is gone", () => deployment.frontend.models.get("m") === undefined);
    expect(await listed(deployment)).toEqual([]);
    const answer = await send(deployment.url, { body: chat() });
    expect(answer.status).toBe(404);
    expect(errorOf(answer)).toEqual({
      message: "Model not found: 'm'",
      type: "not_found_error",
      param: "model",
      code: 404,
    });
    await until("its client is closed", () => deployment.frontend.manager.health().clients === 0);
  });

  test("without a worker that can be reached are not listed, and are 503", async () => {
    const deployment = await deploy();
    const worker = await deployment.serve(says("x"));
    await worker.served.close({ drainMs: 0 });
    await until("the instance is gone", () => !deployment.sees(worker, "m"));
    expect(await listed(deployment)).toEqual([]);
    for (const stream of [true, false]) {
      const answer = await send(deployment.url, { body: chat({ stream }) });
      expect(answer.status).toBe(503);
      expect(answer.headers["retry-after"]).toBe("1");
      expect(errorOf(answer)).toMatchObject({
        type: "service_unavailable",
        message: expect.stringContaining("'m'") as string,
      });
    }
  });

  test("whose workers are on a plane that isn't loaded are not listed, and are 503", async () => {
    const deployment = await deploy();
    const worker = await deployment.serve(says("x"));
    const { instance } = worker.served;
    await deployment.discovery.register({ type: "Endpoint", ...instance, transport: { nats_tcp: "a.b-1" } });
    await until("the record has changed", () => !deployment.sees(worker, "m"));
    expect(await listed(deployment)).toEqual([]);
    expect(await answerOf(deployment, "m")).toBe("503");
  });

  test("come back", async () => {
    const deployment = await deploy();
    const first = await deployment.serve(says("one"));
    await first.withdrawCard();
    await until("the model is gone", () => deployment.frontend.models.get("m") === undefined);
    await first.manager.close({ drainMs: 0 });
    await deployment.serve(says("two"));
    expect(await answerOf(deployment, "m")).toBe("two");
  });

  test("on several endpoints are served by all of them in turn", async () => {
    const deployment = await deploy();
    await deployment.serve(says("a"), { endpoint: "dynamo.a.generate" });
    await deployment.serve(says("b"), { endpoint: "dynamo.b.generate" });
    await deployment.serve(says("c"), { endpoint: "other.c.generate" });
    const answers: string[] = [];
    for (let index = 0; index < 6; index += 1) answers.push(await answerOf(deployment, "m"));
    expect(answers.toSorted()).toEqual(["a", "a", "b", "b", "c", "c"]);
    expect(deployment.frontend.manager.health().clients).toBe(3);
  });

  test("that share an endpoint are each served by their own workers only", async () => {
    const deployment = await deploy();
    await deployment.serve(says("one"), { model: "m1" });
    await deployment.serve(says("two"), { model: "m2" });
    await deployment.serve(says("two"), { model: "m2" });
    for (let index = 0; index < 6; index += 1) {
      expect(await answerOf(deployment, "m1")).toBe("one");
      expect(await answerOf(deployment, "m2")).toBe("two");
    }
    expect(deployment.frontend.manager.health().clients).toBe(1);
  });

  test("are those of the namespace and of the name that were asked for", async () => {
    const inNamespace = await deploy({ namespace: "one" });
    await inNamespace.serve(says("x"), { model: "m1", endpoint: "one.a.generate" });
    const byName = await deploy({ modelName: "m2" });
    await byName.serve(says("x"), { model: "m2", endpoint: "one.a.generate" });

    for (const deployment of [inNamespace, byName]) {
      const others = { namespace: "two", component: "a", endpoint: "generate", instance_id: 1n };
      const card = { display_name: "m3", slug: "m3", model_type: "Chat", model_input: "Text" };
      const counts = { kv_cache_block_size: 16, migration_limit: 0 };
      await deployment.discovery.register({
        type: "Endpoint",
        ...others,
        transport: { tcp: "127.0.0.1:1/x" },
      });
      await deployment.discovery.register({ type: "Model", ...others, card_json: { ...card, ...counts } });
    }
    expect(await listed(inNamespace)).toEqual(["m1"]);
    expect(await listed(byName)).toEqual(["m2"]);
  });

  test.each([
    ["Tokens", "Prefill"],
    ["Text", "Images"],
    ["Tensor", "TensorBased"],
  ])("that take %s for %s are not served", async (model_input, model_type) => {
    const deployment = await deploy();
    await deployment.launch(says("x"), { model: "m2", card: { model_input, model_type } });
    await deployment.serve(says("y"), {
      endpoint: "dynamo.other.generate",
      card: { model_type: "Chat | Completions" },
    });
    expect(await listed(deployment)).toEqual(["m"]);
    expect(await answerOf(deployment, "m2")).toBe("404");
  });
});

test("health shows what discovery shows, with instance ids in full", async () => {
  const deployment = await deploy();
  const worker = await deployment.serve(says("x"));
  const answer = await send(deployment.url, { method: "GET", path: "/health" });
  expect(answer.status).toBe(200);
  expect(answer.body).toContain(`"instance_id":${worker.id}`);
  expect(JSON.parse(answer.body)).toMatchObject({
    status: "healthy",
    endpoints: ["dyn://dynamo.backend.generate"],
    instances: [
      {
        namespace: "dynamo",
        component: "backend",
        endpoint: "generate",
        transport: { tcp: expect.any(String) as string },
      },
    ],
  });
  const live = await send(deployment.url, { method: "GET", path: "/live" });
  expect(live.status).toBe(200);
  expect(JSON.parse(live.body)).toMatchObject({ status: "live" });
});
