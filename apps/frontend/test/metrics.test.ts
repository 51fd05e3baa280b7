import { RequestPlaneError } from "@dynamo/request-plane-core";
import { describe, expect, test } from "vitest";
import { BUCKETS } from "../src/metrics/buckets.ts";
import { text } from "./support/chunks.ts";
import { deploy } from "./support/deployment.ts";
import type { ChatHandler, Deployment } from "./support/deployment.ts";
import { chat, headOf, open, send } from "./support/http.ts";
import { seriesOf } from "./support/metrics.ts";
import { until } from "@dynamo/test-support";

const answers: ChatHandler = async function* () {
  yield text("a");
  yield text("b");
};

async function scrape({ url }: Deployment): Promise<Map<string, number>> {
  const answer = await send(url, { method: "GET", path: "/metrics" });
  expect(answer.status).toBe(200);
  expect(answer.headers["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
  return seriesOf(answer.body);
}

/** The series of one metric of requests, by their other labels. */
async function requests(deployment: Deployment, name: string): Promise<Record<string, number>> {
  const prefix = `dynamo_frontend_${name}{`;
  const found = [...(await scrape(deployment))].filter(([series]) => series.startsWith(prefix));
  return Object.fromEntries(found.map(([series, value]) => [series.slice(prefix.length, -1), value]));
}

/** Labels as they are written. */
function labels(requestType: string, errorType: string, model = "m"): string {
  const status = errorType === "" ? "success" : "error";
  return `model="${model}",endpoint="chat_completions",request_type="${requestType}",status="${status}",error_type="${errorType}"`;
}

test("count requests by what was asked and how it ended", async () => {
  const deployment = await deploy();
  await deployment.serve(async function* (request, context) {
    if (request["max_tokens"] === 1) throw new RequestPlaneError("overloaded", "no room");
    if (request["max_tokens"] === 2) throw new RequestPlaneError("invalid_argument", "no");
    yield* answers(request, context);
    if (request["max_tokens"] === 3) throw new Error("in the middle");
  });
  await send(deployment.url, { body: chat() });
  await send(deployment.url, { body: chat({ stream: true }) });
  await send(deployment.url, { body: chat({ max_tokens: 1 }) });
  await send(deployment.url, { body: chat({ max_tokens: 2 }) });
  await send(deployment.url, { body: chat({ max_tokens: 3, stream: true }) });
  await send(deployment.url, { body: chat({ model: "nobody" }) });
  await send(deployment.url, { body: "{" });
  await deployment.rest();

  expect(await requests(deployment, "requests_total")).toEqual({
    [labels("unary", "")]: 1,
    [labels("stream", "")]: 1,
    [labels("unary", "overload")]: 1,
    [labels("unary", "validation")]: 1,
    [labels("stream", "internal")]: 1,
    [labels("unary", "not_found", "unknown_model")]: 1,
  });
  expect(await requests(deployment, "model_rejection_total")).toEqual({
    'model="m",endpoint="chat_completions"': 1,
  });
  expect(await requests(deployment, "failures_total")).toEqual({
    'class="CapacityExhausted",reason="capacity.exhausted"': 1,
    'class="InvalidRequest",reason="request.invalid"': 2,
    'class="Internal",reason="runtime.internal"': 1,
    'class="NotFound",reason="request.not_found"': 1,
  });
});

test("show requests under way, and those that wait for their first token", async () => {
  const deployment = await deploy();
  const held = Promise.withResolvers<undefined>();
  await deployment.serve(async function* () {
    await held.promise;
    yield text("a");
  });
  const outgoing = open(deployment.url, { body: chat({ stream: true }) });
  await until("the frontend has the request", () => deployment.frontend.models.inFlight === 1);
  expect(Object.fromEntries(await scrape(deployment))).toMatchObject({
    'dynamo_frontend_inflight_requests{model="m"}': 1,
    'dynamo_frontend_active_requests{model="m"}': 1,
    'dynamo_frontend_queued_requests{model="m"}': 1,
    dynamo_request_plane_inflight_requests: 1,
  });
  held.resolve(undefined);
  await headOf(outgoing);
  await deployment.rest();
  expect(Object.fromEntries(await scrape(deployment))).toMatchObject({
    'dynamo_frontend_time_to_first_token_seconds_count{model="m"}': 1,
    'dynamo_frontend_request_duration_seconds_count{model="m"}': 1,
  });
});

describe("after a fault", () => {
  test("a client that leaves is counted, and gone", async () => {
    const deployment = await deploy();
    await deployment.serve(async function* (_request, { signal }) {
      yield text("a");
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    });
    const outgoing = open(deployment.url, { body: chat({ stream: true }) });
    await headOf(outgoing);
    outgoing.destroy();
    await deployment.rest();
    expect(await requests(deployment, "requests_total")).toEqual({ [labels("stream", "cancelled")]: 1 });
    expect(Object.fromEntries(await scrape(deployment))).toMatchObject({
      dynamo_frontend_disconnected_clients: 1,
    });
  });

  test.each([true, false])("a worker that dies leaves no gauge behind (stream: %s)", async (stream) => {
    const deployment = await deploy();
    const asked = Promise.withResolvers<undefined>();
    const worker = await deployment.serve(async function* (_request, { signal }) {
      yield text("a");
      asked.resolve(undefined);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    });
    const answer = send(deployment.url, { body: chat({ stream }) });
    await asked.promise;
    await worker.manager.close({ drainMs: 0 });
    await answer;
    await deployment.rest();
    const type = stream ? "stream" : "unary";
    expect(await requests(deployment, "requests_total")).toEqual({ [labels(type, "unavailable")]: 1 });
  });
});

test("show what the cards of models say, and nothing of models that are gone", async () => {
  const deployment = await deploy();
  const runtime_config = {
    total_kv_blocks: 100,
    max_num_seqs: 8,
    max_num_batched_tokens: 64,
    context_length: 512,
  };
  const worker = await deployment.serve(answers, {
    card: { kv_cache_block_size: 4, migration_limit: 3, runtime_config },
  });
  const facts = {
    'dynamo_frontend_model_ready{model="m"}': 1,
    'dynamo_frontend_model_context_length{model="m"}': 512,
    'dynamo_frontend_model_kv_cache_block_size{model="m"}': 4,
    'dynamo_frontend_model_migration_limit{model="m"}': 3,
    'dynamo_frontend_model_total_kv_blocks{model="m"}': 100,
    'dynamo_frontend_model_max_num_seqs{model="m"}': 8,
    'dynamo_frontend_model_max_num_batched_tokens{model="m"}': 64,
  };
  expect(Object.fromEntries(await scrape(deployment))).toMatchObject(facts);
  await worker.withdrawCard();
  await until("the model is gone", () => deployment.frontend.models.get("m") === undefined);
  const left = await scrape(deployment);
  expect(Object.keys(facts).filter((series) => left.has(series))).toEqual([]);
});

test("have Dynamo's buckets", () => {
  expect(BUCKETS.requestDuration).toEqual([0, 2, 4, 8, 16, 32, 64, 130, 260, 510]);
  expect(BUCKETS.inputTokens).toEqual([
    0, 100, 210, 430, 870, 1800, 3600, 7400, 15_000, 31_000, 63_000, 130_000,
  ]);
  expect(BUCKETS.timeToFirstToken).toEqual([
    0, 0.0022, 0.0047, 0.01, 0.022, 0.047, 0.1, 0.22, 0.47, 1, 2.2, 4.7, 10, 22, 48, 100, 220, 480,
  ]);
});

test("of two frontends in one process are apart, and begin as it was asked", async () => {
  const [one, other] = [await deploy(), await deploy({ metricsPrefix: "other" })];
  await one.serve(answers);
  await send(one.url, { body: chat() });
  const names = [...(await scrape(other)).keys()];
  expect(names.some((name) => name.startsWith("other_"))).toBe(true);
  expect(names.some((name) => name.startsWith("dynamo_frontend_") || name.includes('model="m"'))).toBe(false);
});
