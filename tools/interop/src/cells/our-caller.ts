/**
 * Our caller asks their worker, and all is well.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Account, Counted } from "@dynamo/request-plane-conformance";
import { cannot, inSection } from "../cell.ts";
import type { Cell } from "../cell.ts";
import { startTheirWorker } from "../roles/their-worker.ts";
import type { Site } from "../site.ts";
import {
  accountOf,
  clientFor,
  clientOfTheirs,
  collect,
  endedAccount,
  failure,
} from "../support/our-calls.ts";
import { until } from "../waiting.ts";
import { LARGE_INTEGERS, MEGABYTE, sha256, VALUES } from "../values.ts";

type SectionCell = Omit<Cell, "section">;

const values = Object.entries(VALUES).map(([what, value]): SectionCell => ({
  name: `${what} come back as they were sent`,
  run: async (site) => {
    const client = await clientOfTheirs(site);
    assert.deepEqual(await collect(client.roundRobin({ do: "echo", value })), [value]);
  },
}));

const streams: readonly SectionCell[] = [
  {
    name: "10,000 items arrive in their order",
    run: async (site) => {
      const client = await clientOfTheirs<Counted>(site);
      const items = await collect(client.roundRobin({ do: "count", items: 10_000 }));
      assert.deepEqual(
        items.map(({ n }) => n),
        Array.from({ length: 10_000 }, (_, n) => n),
      );
    },
  },
  {
    name: "a stream without items ends well",
    run: async (site) => {
      const client = await clientOfTheirs(site);
      assert.deepEqual(await collect(client.roundRobin({ do: "count", items: 0 })), []);
    },
  },
  {
    name: "an item of 1 MB arrives whole",
    run: async (site) => {
      const client = await clientOfTheirs<Counted>(site);
      const [item] = await collect(client.roundRobin({ do: "count", items: 1, pad: MEGABYTE }));
      assert.equal(item?.pad, "x".repeat(MEGABYTE));
    },
  },
  {
    name: "a request of 1 MB is read whole",
    run: async (site) => {
      const client = await clientOfTheirs(site);
      const text = "0123456789".repeat(MEGABYTE / 10);
      const expected = { length: MEGABYTE, sha256: sha256(text) };
      assert.deepEqual(await collect(client.roundRobin({ do: "digest", text })), [expected]);
    },
  },
  {
    name: "integers beyond 2^53 are read exactly, and come back as they were sent",
    run: async (site) => {
      const client = await clientOfTheirs(site);
      const [seen] = await collect(client.roundRobin({ do: "repr", value: LARGE_INTEGERS }));
      assert.equal(seen, `[${LARGE_INTEGERS.join(", ")}]`);
      const back = await collect(client.roundRobin({ do: "echo", value: LARGE_INTEGERS }));
      assert.deepEqual(back, [LARGE_INTEGERS]);
    },
  },
  {
    name: "200 requests at the same time get their own answers",
    run: async (site) => {
      const client = await clientOfTheirs<number>(site);
      const numbers = Array.from({ length: 200 }, (_, n) => n);
      const answers = numbers.map((value) => collect(client.roundRobin({ do: "echo", value })));
      assert.deepEqual((await Promise.all(answers)).flat(), numbers);
    },
  },
  {
    name: "round robin takes two workers in turn, direct the one that is named",
    run: async (site) => {
      const endpoint = "interop.pair.generate";
      await using first = await startTheirWorker(site, endpoint);
      await using second = await startTheirWorker(site, endpoint);
      const client = await clientFor(site, endpoint);
      await client.waitForInstances({ count: 2, timeoutMs: 30_000 });
      assert.notEqual(first.process, second.process);
      const asked = new Set<bigint>();
      for (let n = 0; n < 4; n += 1) {
        const stream = await client.roundRobin({ do: "echo", value: n });
        asked.add(stream.instance);
        await collect(Promise.resolve(stream));
      }
      assert.equal(asked.size, 2);
      for (const id of asked) await collect(client.direct({ do: "echo", value: 1 }, id));
    },
  },
];

/** Up to 1.1 a write that fails makes it a stop. Between two items of this pace the worker reads the kill first. */
const UNHURRIED_MS = 500;

const endings: readonly SectionCell[] = [
  {
    name: "leaving the loop kills the request at their handler",
    run: async (site) => {
      const client = await clientOfTheirs<Counted>(site);
      const key = randomUUID();
      for await (const { n } of await client.roundRobin({ do: "endless", key, everyMs: UNHURRIED_MS }))
        if (n === 2) break;
      assert.equal((await endedAccount(client, key)).state, "killed");
    },
  },
  {
    name: "aborting the signal kills a request that has no item yet",
    run: async (site) => {
      const client = await clientOfTheirs(site);
      const key = randomUUID();
      const controller = new AbortController();
      const call = failure(
        client.roundRobin({ do: "hold", key }, { signal: controller.signal }),
        "cancelled",
      );
      await until("their handler runs", async () => (await accountOf(client, key)).state === "running");
      controller.abort();
      await call;
      assert.equal((await endedAccount(client, key)).state, "killed");
    },
  },
  {
    name: "a total bound that runs out kills the request at their handler",
    run: async (site) => {
      const client = await clientOfTheirs(site);
      const key = randomUUID();
      const request = { do: "endless", key, everyMs: UNHURRIED_MS } as const;
      const call = client.roundRobin(request, { timeouts: { totalMs: 1_500 } });
      const { error } = await failure(call, "deadline_exceeded");
      assert.equal(error.facts.phase, "total");
      assert.equal((await endedAccount(client, key)).state, "killed");
    },
  },
  {
    name: "stop ends the stream well, and their handler sees a stop and no kill",
    run: async (site) => {
      const startedAt = performance.now();
      const { state } = await stopAfterThree(site);
      assert.equal(state, "stopped");
      if (site.isSince("1.2") || !site.isSince("0.8")) return undefined;
      assert.ok(performance.now() - startedAt > 5_000, "A worker of this release ends at once by now");
      return cannot(
        "Workers of 0.8 to 1.1 close their connection 10 s after a stop, and the stream ends then.",
      );
    },
  },
  {
    name: "what their handler yields after a stop arrives",
    run: async (site) => {
      const { items } = await stopAfterThree(site);
      assert.ok(!items.includes("last words"), "A worker of Dynamo can do this by now");
      return cannot("A worker of Dynamo writes nothing more once it was told to stop.");
    },
  },
];

/** Longer than the releases that wait longest leave a connection open. */
const LONG = { timeouts: { betweenItemsMs: 20_000 } };

async function stopAfterThree(site: Site): Promise<{ items: unknown[]; state: Account["state"] }> {
  const client = await clientOfTheirs<unknown>(site);
  const key = randomUUID();
  const stream = await client.roundRobin({ do: "endless", key, everyMs: 1 }, LONG);
  const items: unknown[] = [];
  for await (const item of stream) {
    items.push(item);
    if (items.length === 3) stream.stop();
  }
  const { state } = await endedAccount(client, key);
  return { items, state };
}

export const cells = inSection("Our caller, their worker", [...streams, ...values, ...endings]);
