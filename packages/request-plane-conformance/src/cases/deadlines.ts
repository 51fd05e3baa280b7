/**
 * Every wait has a bound, and its error says which one it was.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { DeadlinePhase, Timeouts } from "@dynamo/request-plane-core";
import { inGroup } from "../case.ts";
import type { ConformanceCase } from "../case.ts";
import { collect, fails, outbound, single } from "../checks.ts";
import type { Described, ReferenceRequest } from "../reference/request.ts";
import { until } from "../waiting.ts";
import { accountOf, ends } from "./accounts.ts";
import { line, usedLine } from "./line.ts";
import { OPERATIONS } from "./operations.ts";

type Case = Omit<ConformanceCase, "group">;

/** What a call gets: when it is over before the worker has the request, as on a busy machine, more is tried. */
const TOTALS_MS = [700, 1_400, 2_800, 5_600];

const expired = Object.entries(OPERATIONS).map(([name, call]): Case => ({
  name: `${name}: a call that has no time left fails in the phase total and kills the request`,
  run: async (world) => {
    const { client } = await world.reference();
    let key = "";
    for (const totalMs of TOTALS_MS) {
      key = randomUUID();
      const error = await fails(call(client, key, { timeouts: { totalMs } }), "deadline_exceeded");
      assert.equal(error.facts.phase, "total");
      assert.equal(error.retryableElsewhere, false);
      if ((await accountOf(client, key)).state !== "unknown") break;
    }
    await ends(client, key, "killed");
  },
}));

/** A bound, and a request that runs into it. */
const PHASES: readonly (readonly [DeadlinePhase, Partial<Timeouts>, (key: string) => ReferenceRequest])[] = [
  ["first_item", { firstItemMs: 120 }, (key) => ({ do: "hold", key })],
  ["between_items", { betweenItemsMs: 120 }, (key) => ({ do: "endless", key, everyMs: 1_000 })],
  ["total", { totalMs: 250 }, (key) => ({ do: "endless", key, everyMs: 20 })],
];

const phases = PHASES.map(([phase, timeouts, request]): Case => ({
  name: `a bound in the phase ${phase} ends a response, and says so`,
  run: async (world) => {
    const { client } = await world.reference();
    const key = randomUUID();
    const error = await fails(
      collect(client.roundRobin(request(key), { timeouts, failover: false })),
      "deadline_exceeded",
    );
    assert.equal(error.facts.phase, phase);
    assert.equal(error.facts.limit, Object.values(timeouts)[0]);
    // The worker knows the total bound and ends by itself then; of the others only the caller can tell it.
    if (phase !== "total") await ends(client, key, "killed");
  },
}));

const calls: readonly Case[] = [
  {
    name: "a worker that accepts and never calls home runs into the phase establish",
    requires: ["own worker"],
    run: async (world) => {
      await world.rawWorker(() => undefined);
      const { client } = await world.caller();
      const call = client.roundRobin({}, { timeouts: { establishMs: 150 }, failover: false });
      assert.equal((await fails(call, "deadline_exceeded")).facts.phase, "establish");
    },
  },
  {
    name: "a worker that calls home and says nothing runs into the phase establish",
    requires: ["own worker"],
    run: async (world) => {
      await world.rawWorker((request) => {
        request.answer((response) => response.handshake());
        return undefined;
      });
      const { client } = await world.caller();
      const call = client.roundRobin({}, { timeouts: { establishMs: 300 }, failover: false });
      assert.equal((await fails(call, "deadline_exceeded")).facts.phase, "establish");
    },
  },
  {
    name: "a response that falls silent runs into the phase between_items",
    run: async (world) => {
      const proxy = await world.proxy();
      const { client } = await world.reference({ responsesThrough: proxy });
      const key = randomUUID();
      const stream = await client.roundRobin(
        { do: "endless", key, everyMs: 2 },
        { timeouts: { betweenItemsMs: 400 } },
      );
      proxy.toServer = { blackHole: true };
      assert.equal((await fails(collect(stream), "deadline_exceeded")).facts.phase, "between_items");
      proxy.toServer = {};
    },
  },
  {
    name: "the time a caller takes for an item is not counted against the worker",
    run: async (world) => {
      const { client } = await world.reference();
      const stream = await client.roundRobin(
        { do: "count", items: 2 },
        { timeouts: { betweenItemsMs: 500 } },
      );
      let items = 0;
      for await (const _ of stream) {
        items += 1;
        await new Promise((resolve) => setTimeout(resolve, 700));
      }
      assert.equal(items, 2);
    },
  },
  {
    name: "the worker is told how much time is left",
    run: async (world) => {
      const { client } = await world.reference<Described>();
      const { msLeft } = await single(
        client.roundRobin({ do: "describe" }, { timeouts: { totalMs: 20_000 } }),
      );
      assert.ok(msLeft !== null && msLeft > 0 && msLeft <= 20_000, `It was told ${msLeft} ms`);
    },
  },
  {
    name: "a worker whose caller set no total bound has no deadline",
    run: async (world) => {
      const { client } = await world.reference<Described>();
      assert.equal((await single(client.roundRobin({ do: "describe" }))).msLeft, null);
    },
  },
  {
    name: "the worker ends by itself when the time is over and the caller can't tell it",
    requires: ["own worker"],
    run: async (world) => {
      let reason: unknown;
      const proxy = await world.proxy();
      await world.serve(async function* (_, { signal }) {
        yield 1;
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        reason = signal.reason;
      });
      const { client } = await world.caller({ responsesThrough: proxy });
      const stream = await client.roundRobin({}, { timeouts: { totalMs: 3_000 } });
      proxy.toClient = { blackHole: true };
      await fails(collect(stream), "deadline_exceeded");
      await until("the handler's signal is aborted", () => reason !== undefined);
      proxy.toClient = {};
      assert.equal((reason as { code?: string }).code, "deadline_exceeded");
    },
  },
  {
    name: "bounds that are not reached change nothing",
    run: async (world) => {
      const { client } = await world.reference();
      const timeouts = { establishMs: 20_000, firstItemMs: 20_000, betweenItemsMs: 20_000, totalMs: 25_000 };
      const items = await collect(client.roundRobin({ do: "count", items: 10, everyMs: 5 }, { timeouts }));
      assert.equal(items.length, 10);
    },
  },
  {
    name: "waiting for instances that never come fails with no_instances after the given time",
    run: async (world) => {
      const client = world.callerManager().endpoint(world.name).client();
      const error = await fails(client.waitForInstances({ timeoutMs: 60 }), "no_instances");
      assert.equal(error.facts.elapsedMs, 60);
    },
  },
];

const direct = ["own worker", "direct connection"] as const;

const deliveries: readonly Case[] = [
  {
    name: "an acknowledgement that never comes fails in the phase acknowledge, with limit and setting",
    requires: direct,
    settings: { acknowledgeTimeoutMs: 700 },
    run: async (world) => {
      const { proxy, client, address } = await usedLine(world);
      proxy.toClient = { blackHole: true };
      const { facts } = await fails(client.deliver(outbound(address)), "deadline_exceeded");
      assert.deepEqual([facts.phase, facts.limit, typeof facts.setting], ["acknowledge", 700, "string"]);
      proxy.toClient = {};
    },
  },
  {
    name: "a late acknowledgement is not taken for that of the next request",
    requires: direct,
    settings: { acknowledgeTimeoutMs: 700 },
    run: async (world) => {
      const { proxy, client, address, accepted } = await usedLine(world);
      proxy.toClient = { blackHole: true };
      await fails(client.deliver(outbound(address)), "deadline_exceeded");
      // Now the acknowledgement comes, but nothing that is sent from here on gets through.
      proxy.toServer = { blackHole: true };
      proxy.toClient = {};
      await fails(client.deliver(outbound(address)), "deadline_exceeded", "disconnected");
      assert.equal(accepted.length, 2);
      proxy.toServer = {};
    },
  },
  {
    name: "every one of twenty requests whose acknowledgement never comes fails, none hangs",
    requires: direct,
    settings: { acknowledgeTimeoutMs: 700 },
    run: async (world) => {
      const { proxy, client, address } = await line(world);
      proxy.toClient = { blackHole: true };
      const deliveries = Array.from({ length: 20 }, () =>
        fails(client.deliver(outbound(address)), "deadline_exceeded", "disconnected", "cannot_connect"),
      );
      await Promise.all(deliveries);
      assert.equal(client.health().pending, 0);
    },
  },
  {
    name: "a call whose worker never acknowledges fails in the phase acknowledge",
    requires: direct,
    settings: { acknowledgeTimeoutMs: 700 },
    run: async (world) => {
      const proxy = await world.proxy();
      await world.serve(() => [1], { behind: proxy });
      const { client } = await world.caller();
      await collect(client.roundRobin({}));
      proxy.toServer = { blackHole: true };
      const error = await fails(client.roundRobin({}, { failover: false }), "deadline_exceeded");
      assert.equal(error.facts.phase, "acknowledge");
      proxy.toServer = {};
    },
  },
];

export const DEADLINES: readonly ConformanceCase[] = inGroup("deadlines", [
  ...expired,
  ...phases,
  ...calls,
  ...deliveries,
]);
