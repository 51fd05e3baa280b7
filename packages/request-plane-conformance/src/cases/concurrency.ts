/**
 * Many requests at the same time are as many requests one after the other.
 */
import assert from "node:assert/strict";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { EndpointClient } from "@dynamo/request-plane-core";
import { inGroup } from "../case.ts";
import type { ConformanceCase } from "../case.ts";
import { assertBytes, bytesOf, collect, outbound, single } from "../checks.ts";
import { referenceHandler } from "../reference/handler.ts";
import type { Counted, ReferenceRequest } from "../reference/request.ts";
import { gate, until } from "../waiting.ts";
import type { Worker } from "../world/world.ts";
import { notingServer } from "./noting-server.ts";

type Case = Omit<ConformanceCase, "group">;
const requires = ["own worker"] as const;

const calls = [2, 20, 200].map((count): Case => ({
  name: `${count} calls at the same time each get their own answer`,
  run: async (world) => {
    const { client } = await world.reference();
    const values = Array.from({ length: count }, (_, i) => `answer ${i}`);
    const answers = await Promise.all(
      values.map((value) => single(client.roundRobin({ do: "echo", value }))),
    );
    assert.deepEqual(answers, values);
  },
}));

const deliveries = [2, 50, 400].map((count): Case => ({
  name: `${count} deliveries at the same time are each accepted once`,
  requires,
  run: async (world) => {
    const { address, accepted } = await notingServer(world);
    const client = world.client();
    const envelopes = Array.from({ length: count }, (_, i) => Buffer.from(`request ${i}`));
    await Promise.all(envelopes.map((envelope) => client.deliver(outbound(address, envelope))));
    const texts = accepted.map(({ envelope }) => Buffer.from(envelope).toString());
    assert.deepEqual(texts.toSorted(), envelopes.map(String).toSorted());
  },
}));

const others: readonly Case[] = [
  {
    name: "acknowledgements and refusals at the same time each reach their own request",
    requires,
    run: async (world) => {
      const { address, accepted } = await notingServer(world, ({ envelope }) =>
        (envelope[0] ?? 0) % 3 === 0 ? new RequestPlaneError("overloaded", "every third") : undefined,
      );
      const client = world.client();
      const outcomes = await Promise.allSettled(
        Array.from({ length: 120 }, (_, i) => client.deliver(outbound(address, Uint8Array.of(i)))),
      );
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        outcomes.map((_, i) => (i % 3 === 0 ? "rejected" : "fulfilled")),
      );
      assert.equal(accepted.length, 80);
    },
  },
  {
    name: "large and small requests at the same time don't get into each other",
    requires,
    run: async (world) => {
      const { address, accepted } = await notingServer(world);
      const client = world.client();
      const envelopes = Array.from({ length: 24 }, (_, i) => bytesOf(i % 4 === 0 ? 300_000 : 50, i + 1));
      await Promise.all(envelopes.map((envelope) => client.deliver(outbound(address, envelope))));
      for (const envelope of envelopes) {
        const same = accepted.filter((request) => Buffer.from(request.envelope).equals(envelope));
        assert.equal(same.length, 1);
        assertBytes(same[0]?.envelope, envelope);
      }
    },
  },
  {
    name: "a handler that takes long doesn't hold up others",
    requires,
    run: async (world) => {
      const goOn = gate();
      await world.serve(async function* (wait: boolean) {
        if (wait) await goOn.passed;
        yield wait;
      });
      const { client } = await world.caller<boolean, boolean>();
      const waiting = Array.from({ length: 5 }, () => collect(client.roundRobin(true)));
      for (let i = 0; i < 20; i += 1) assert.equal(await single(client.roundRobin(false)), false);
      goOn.open();
      assert.deepEqual(
        await Promise.all(waiting),
        Array.from({ length: 5 }, () => [true]),
      );
    },
  },
  {
    name: "fifty long responses at the same time are all whole",
    run: async (world) => {
      const { client } = await world.reference<Counted>();
      const calls = Array.from({ length: 50 }, () => collect(client.roundRobin({ do: "count", items: 200 })));
      for (const items of await Promise.all(calls)) {
        assert.deepEqual(
          items.map(({ n }) => n),
          Array.from({ length: 200 }, (_, n) => n),
        );
      }
    },
  },
  {
    name: "four callers at the same time each get their own answers",
    run: async (world) => {
      const callers = [];
      for (let i = 0; i < 4; i += 1) callers.push(await world.reference());
      const rounds = callers.map(async ({ client }, caller) => {
        for (let i = 0; i < 20; i += 1) {
          const value = `${caller}-${i}`;
          assert.equal(await single(client.roundRobin({ do: "echo", value })), value);
        }
      });
      await Promise.all(rounds);
    },
  },
  {
    name: "three instances share calls in turn, and each answers its own",
    requires,
    run: async (world) => {
      const workers: Worker[] = [];
      for (let i = 0; i < 3; i += 1) workers.push(await world.serve<number, string>((n) => [`${i}: ${n}`]));
      const { client } = await world.caller<number, string>();
      const answers = await Promise.all(Array.from({ length: 60 }, (_, n) => single(client.roundRobin(n))));
      assert.deepEqual(
        answers.map((answer) => Number(answer.split(": ")[1])),
        Array.from({ length: 60 }, (_, n) => n),
      );
      for (let i = 0; i < 3; i += 1)
        assert.equal(answers.filter((answer) => answer.startsWith(`${i}:`)).length, 20);
      await until("all is done", () => workers.every(({ served }) => served.inFlight === 0));
    },
  },
  {
    name: "two endpoints of one manager at the same time don't mix",
    requires,
    run: async (world) => {
      const manager = world.workerManager();
      const names = ["one", "two"].map((endpoint) => ({ ...world.name, endpoint }));
      const caller = world.callerManager();
      const clients: EndpointClient<unknown, string>[] = [];
      for (const name of names) {
        await manager.endpoint<unknown, string>(name).serve(() => [name.endpoint]);
        const client = caller.endpoint<unknown, string>(name).client();
        await client.waitForInstances({ timeoutMs: 10_000 });
        clients.push(client);
      }
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => clients.map((client) => single(client.random({})))).flat(),
      );
      assert.deepEqual(
        answers,
        Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? "one" : "two")),
      );
    },
  },
  {
    name: "failures among fifty calls at the same time reach only their own callers",
    run: async (world) => {
      const { client } = await world.reference();
      const outcomes = await Promise.allSettled(
        Array.from({ length: 50 }, (_, i) =>
          collect(
            client.roundRobin(
              i % 5 === 0 ? { do: "fail", code: "not_found", message: `${i}` } : { do: "echo", value: i },
            ),
          ),
        ),
      );
      for (const [i, outcome] of outcomes.entries()) {
        if (outcome.status === "fulfilled") assert.deepEqual(outcome.value, [i]);
        else assert.equal((outcome.reason as RequestPlaneError).message, String(i));
        assert.equal(outcome.status === "rejected", i % 5 === 0);
      }
    },
  },
  {
    name: "a manager that serves and calls answers itself",
    requires,
    run: async (world) => {
      const { manager } = await world.serve<ReferenceRequest, unknown>(referenceHandler());
      const client = manager.endpoint<ReferenceRequest>(world.name).client();
      await client.waitForInstances({ timeoutMs: 10_000 });
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, i) => single(client.random({ do: "echo", value: i }))),
      );
      assert.deepEqual(
        answers,
        Array.from({ length: 10 }, (_, i) => i),
      );
    },
  },
];

export const CONCURRENCY: readonly ConformanceCase[] = inGroup("concurrency", [
  ...calls,
  ...deliveries,
  ...others,
]);
