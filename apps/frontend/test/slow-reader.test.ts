import { describe, expect, test } from "vitest";
import { text } from "./support/chunks.ts";
import { deploy } from "./support/deployment.ts";
import type { Deployment } from "./support/deployment.ts";
import { chat, headOf, open, send } from "./support/http.ts";
import { until } from "@dynamo/test-support";

const PIECE = "x".repeat(16 * 1024);

/** A worker that talks as fast as it is listened to, and counts what it said. */
async function serveFlood(deployment: Deployment) {
  const state = { pieces: 0, killed: false };
  await deployment.serve(async function* (_request, { signal }) {
    signal.addEventListener("abort", () => (state.killed = true));
    while (!signal.aborted) {
      state.pieces += 1;
      yield text(PIECE);
      // Other clients want their turn.
      if (state.pieces % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  });
  return state;
}

/** Resolves with the number of pieces when the worker has said nothing new for a while. */
async function held(state: { pieces: number }): Promise<number> {
  let before = -1;
  await until("the worker is held", async () => {
    before = state.pieces;
    await new Promise((resolve) => setTimeout(resolve, 300));
    return before > 0 && state.pieces === before;
  });
  return before;
}

describe("a client that doesn't read", () => {
  test("holds the worker, not the memory, and can go on", async () => {
    const deployment = await deploy();
    const state = await serveFlood(deployment);
    const memory = process.memoryUsage().rss;
    const outgoing = open(deployment.url, { body: chat({ stream: true }) });
    const response = await headOf(outgoing);
    response.pause();

    const pieces = await held(state);
    // What sockets and buffers hold on the way: kernels give loopback some MiB for each of them.
    expect(pieces * PIECE.length).toBeLessThan(64 * 1024 * 1024);
    expect(process.memoryUsage().rss - memory).toBeLessThan(256 * 1024 * 1024);

    response.resume();
    await until("the worker goes on", () => state.pieces > pieces + 100);
    outgoing.destroy();
    await until("the worker is told", () => state.killed);
  });

  test("and leaves has its request killed", async () => {
    const deployment = await deploy();
    const state = await serveFlood(deployment);
    const outgoing = open(deployment.url, { body: chat({ stream: true }) });
    (await headOf(outgoing)).pause();
    await held(state);
    outgoing.destroy();
    await until("the worker is told", () => state.killed);
  });

  test("is cut off after a while", async () => {
    const deployment = await deploy({ httpClientStallTimeoutSecs: 0.5 });
    const state = await serveFlood(deployment);
    const outgoing = open(deployment.url, { body: chat({ stream: true }) });
    (await headOf(outgoing)).pause();
    await until("the worker is told", () => state.killed);
    await deployment.rest();
    outgoing.destroy();
  });

  test("its whole answer is cut off too", async () => {
    const deployment = await deploy({ httpClientStallTimeoutSecs: 0.5 });
    await deployment.serve(async function* () {
      yield text("x".repeat(20 * 1024 * 1024));
    });
    const outgoing = open(deployment.url, { body: chat() });
    (await headOf(outgoing)).pause();
    await deployment.rest();
    outgoing.destroy();
  });

  test("doesn't hold anybody else", async () => {
    const deployment = await deploy();
    await serveFlood(deployment);
    await deployment.serve(
      async function* () {
        yield text("quick");
      },
      { model: "other", endpoint: "dynamo.other.generate" },
    );
    const outgoing = open(deployment.url, { body: chat({ stream: true }) });
    (await headOf(outgoing)).pause();
    const answer = await send(deployment.url, { body: chat({ model: "other" }) });
    expect(answer.body).toContain("quick");
    outgoing.destroy();
  });
});
