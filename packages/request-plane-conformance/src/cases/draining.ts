/**
 * Work that was accepted comes to its end when its server goes away, within the budget.
 */
import assert from "node:assert/strict";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { ConformanceCase } from "../case.ts";
import { collect, collectUntilError } from "../checks.ts";
import { gate, until, within } from "../waiting.ts";

const requires = ["own worker"] as const;

export const DRAINING: readonly Omit<ConformanceCase, "group">[] = [
  {
    name: "requests that were accepted go on when their endpoint is unregistered",
    requires,
    run: async (world) => {
      const server = await world.server();
      const goOn = gate();
      const finished = gate();
      const address = await server.register(
        world.registration(() => void goOn.passed.then(() => finished.open())),
      );
      await world.client().deliver({ address, headers: {}, envelope: [Buffer.of(1)], envelopeBytes: 1 });
      await server.unregister(address);
      goOn.open();
      await within("The work", finished.passed);
    },
  },
  {
    name: "a response under way when the endpoint closes arrives whole",
    requires,
    run: async (world) => {
      const goOn = gate();
      const { served } = await world.serve(async function* () {
        yield 1;
        await goOn.passed;
        yield 2;
      });
      const { client } = await world.caller();
      const stream = await client.roundRobin({});
      const closing = served.close();
      await until("discovery shows it no more", () => world.discovery.size === 0);
      goOn.open();
      assert.deepEqual(await collect(stream), [1, 2]);
      await closing;
    },
  },
  {
    name: "a response under way when the server stops arrives whole",
    requires,
    run: async (world) => {
      const goOn = gate();
      const worker = await world.rawWorker((request) => {
        request.answer(async (response) => {
          response.begin().item(1);
          await goOn.passed;
          response.item(2).final().sentinel();
        });
        return undefined;
      });
      const { client } = await world.caller();
      const stream = await client.roundRobin({});
      assert.equal(worker.requests.length, 1);
      await world.stopServers();
      goOn.open();
      assert.deepEqual(await collect(stream), [1, 2]);
    },
  },
  {
    name: "what is over the budget is cut, and its caller is told",
    requires,
    run: async (world) => {
      const { served } = await world.serve(async function* (_, { signal }) {
        yield 1;
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      });
      const { client } = await world.caller();
      const reading = collectUntilError(Promise.resolve(await client.roundRobin({})));
      await within("Closing with a budget of 50 ms", served.close({ drainMs: 50 }));
      const { error } = await reading;
      assert.ok(RequestPlaneError.is(error) && error.code === "disconnected", String(error));
      assert.equal(served.inFlight, 0);
    },
  },
  {
    name: "a manager that closes waits for what its endpoints run",
    requires,
    run: async (world) => {
      const goOn = gate();
      const { manager } = await world.serve(async function* () {
        yield 1;
        await goOn.passed;
        yield 2;
      });
      const { client } = await world.caller();
      const reading = collect(await client.roundRobin({}));
      const closing = manager.close();
      await until("discovery shows it no more", () => world.discovery.size === 0);
      goOn.open();
      assert.deepEqual(await reading, [1, 2]);
      await within("Closing the manager", closing);
    },
  },
];
