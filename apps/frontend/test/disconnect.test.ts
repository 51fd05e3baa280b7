import type { RequestContext } from "@dynamo/request-plane-core";
import { describe, expect, test } from "vitest";
import { finish, text } from "./support/chunks.ts";
import { deploy } from "./support/deployment.ts";
import type { Deployment } from "./support/deployment.ts";
import { chat, headOf, open, send } from "./support/http.ts";
import { until } from "@dynamo/test-support";

/** Far below every bound on waiting, and enough for a machine that is busy. */
const SOON_MS = 5_000;

/** A worker that says `tokens` words and then nothing, and tells what happens to its request. */
async function serveSilence(deployment: Deployment, tokens: number) {
  const contexts: RequestContext[] = [];
  let cleanedUp = 0;
  await deployment.serve(async function* (_request, context) {
    contexts.push(context);
    try {
      for (let index = 0; index < tokens; index += 1) yield text("a");
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
    } finally {
      cleanedUp += 1;
    }
  });
  return { contexts, cleanedUp: () => cleanedUp };
}

describe("a client that leaves", () => {
  test.each([
    ["before the first token of a stream", true, 0],
    ["after three tokens of a stream", true, 3],
    ["before the first token of an answer that doesn't stream", false, 0],
    ["while an answer that doesn't stream is gathered", false, 3],
  ])("%s has its request killed at the worker", async (_when, stream, tokens) => {
    const deployment = await deploy();
    const worker = await serveSilence(deployment, tokens);
    const outgoing = open(deployment.url, { body: chat({ stream }) });
    if (stream && tokens > 0) await headOf(outgoing);
    else await until("the worker has the request", () => worker.contexts.length === 1);

    outgoing.destroy();
    await until("the worker is told", () => worker.contexts[0]?.isKilled === true, SOON_MS);
    await until("the handler cleans up", () => worker.cleanedUp() === 1, SOON_MS);
    await deployment.rest();
  });

  test("while the request is on its way to a worker leaves nothing behind", async () => {
    const deployment = await deploy();
    const worker = await serveSilence(deployment, 0);
    const outgoing = open(deployment.url, { body: chat({ stream: true }) });
    await until("the frontend has the request", () => deployment.frontend.running.size === 1);
    outgoing.destroy();
    await deployment.rest();
    expect(worker.contexts.filter((context) => !context.isKilled)).toEqual([]);
  });

  test("in the middle of its request reaches no worker", async () => {
    const deployment = await deploy();
    const worker = await serveSilence(deployment, 0);
    const outgoing = open(deployment.url, { headers: { "content-length": "1000" }, body: '{"model":' });
    await until("the frontend has the head", () => deployment.frontend.running.size === 1);
    outgoing.destroy();
    await deployment.rest();
    expect(worker.contexts).toEqual([]);
  });

  test("when all is said changes nothing", async () => {
    const deployment = await deploy();
    const contexts: RequestContext[] = [];
    await deployment.serve(async function* (_request, context) {
      contexts.push(context);
      yield finish();
    });
    await send(deployment.url, { body: chat({ stream: true }) });
    await deployment.rest();
    expect(contexts.map(({ isKilled, isStopped }) => ({ isKilled, isStopped }))).toEqual([
      { isKilled: false, isStopped: false },
    ]);
  });
});
