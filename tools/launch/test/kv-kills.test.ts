import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasEtcdServer, startEtcdServer } from "@dynamo/etcd-server";
import { hasNatsServer, startNatsServer } from "@dynamo/nats-server";
import { writeTestModel } from "@dynamo/test-model";
import { describe, expect, it, onTestFinished } from "vitest";
import { KvFleet } from "./kv-fleet.ts";
import type { Victim } from "./kv-fleet.ts";
import { answerOf, TokenLoad } from "./token-load.ts";

const CALLERS = 6;
/** Answers between one kill and the next. */
const BETWEEN = 2 * CALLERS;
/** On a busy machine; only an answer that hangs takes so long. */
const BOUND_MS = 30_000;
const BLOCK_SIZE = 4;
/** Every order there is when it is 24: KV_KILLS_ORDERS=24. */
const ORDERS = Number(process.env["KV_KILLS_ORDERS"] ?? 2);

/** That are killed in vain at most. */
const MORE_WORKERS = 8;

const VICTIMS: readonly Victim[] = ["frontend", "etcd", "nats", "worker"];
/** Spread over all of them, so that a few differ in who is first. */
const ORDERS_TO_TRY = every(ordersOf(VICTIMS), Math.max(1, Math.floor(24 / ORDERS))).slice(0, ORDERS);
/** Without them the tests are reported as skipped, and fail in CI. */
const hasServers = (await hasEtcdServer()) && (await hasNatsServer());

describe.skipIf(!hasServers)("two frontends that route by KV cache", { timeout: 600_000 }, () => {
  it("and three workers lose no request and count no stale block, whoever is killed first", async () => {
    await using etcd = await startEtcdServer();
    await using nats = await startNatsServer();
    const folder = mkdtempSync(join(tmpdir(), "kv-kills-"));
    onTestFinished(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    using fleet = new KvFleet({ etcd, nats, model: await writeTestModel(folder), blockSize: BLOCK_SIZE });
    await fleet.start();

    const expected = new Map<string, string>();
    for (const prompt of prompts()) {
      const { content } = await answerOf(fleet.frontends[0]!, prompt, BOUND_MS);
      expect(content).not.toBe("");
      expected.set(prompt, content);
    }

    const load = new TokenLoad({
      frontends: () => fleet.frontends,
      callers: CALLERS,
      expected,
      boundMs: BOUND_MS,
    });
    let moved = 0;
    const killInTurn = async (order: readonly Victim[]): Promise<void> => {
      for (const victim of order) {
        await fleet.kill(victim);
        await load.carries(BETWEEN);
      }
      moved += sum(await fleet.metric("model_migration_total"));
      await fleet.restore();
      await load.carries(BETWEEN);
    };
    for (const order of ORDERS_TO_TRY) await killInTurn(order);
    // Whether a worker that is killed has a request is chance.
    for (let more = 0; moved === 0 && more < MORE_WORKERS; more++) await killInTurn(["worker"]);
    await load.stop();
    expect(load.wrongs).toEqual([]);
    // The kills have met requests.
    expect(moved).toBeGreaterThan(0);
    expect(load.retried).toBeGreaterThan(0);

    const nothing = fleet.frontends.map(() => 0);
    for (const gauge of ["inflight_requests", "active_requests"])
      await expect.poll(() => fleet.metric(gauge)).toEqual(nothing);
    for (const prompt of expected.keys()) await fleet.expectTruePrediction(prompt, BOUND_MS);
    await fleet.end();
  });
});

/** Conversations that share their beginnings, so that there is something to route by. */
function prompts(): string[] {
  const systems = ["You are a patient teacher of mathematics.", "You write short answers about ships."];
  return systems.flatMap((system) =>
    Array.from({ length: 6 }, (_, index) => `${system} ${"Tell me more. ".repeat(index)}`),
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function ordersOf<T>(things: readonly T[]): T[][] {
  if (things.length === 0) return [[]];
  return things.flatMap((first) =>
    ordersOf(things.filter((other) => other !== first)).map((rest) => [first, ...rest]),
  );
}

function every<T>(things: readonly T[], step: number): T[] {
  return things.filter((_, index) => index % step === 0);
}
