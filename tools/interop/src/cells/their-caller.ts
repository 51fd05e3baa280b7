/**
 * Their caller asks our worker, and all is well.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Account, Counted } from "@dynamo/request-plane-conformance";
import { inSection } from "../cell.ts";
import type { Cell } from "../cell.ts";
import { ourWorker, startOurWorker } from "../roles/our-worker.ts";
import type { OurWorker } from "../roles/our-worker.ts";
import type { Site } from "../site.ts";
import { clientFor, collect, endedAccount } from "../support/our-calls.ts";
import { theyCollect } from "../support/their-calls.ts";
import { LARGE_INTEGERS, MEGABYTE, sha256, VALUES } from "../values.ts";
import { until } from "../waiting.ts";

type SectionCell = Omit<Cell, "section">;

const values = Object.entries(VALUES).map(([what, value]): SectionCell => ({
  name: `${what} come back as they were sent`,
  run: async (site) => {
    assert.deepEqual(await theyCollect(site, { do: "echo", value }), [value]);
  },
}));

const streams: readonly SectionCell[] = [
  {
    name: "10,000 items arrive in their order",
    run: async (site) => {
      const items = (await theyCollect(site, { do: "count", items: 10_000 })) as Counted[];
      assert.deepEqual(
        items.map(({ n }) => n),
        Array.from({ length: 10_000 }, (_, n) => n),
      );
    },
  },
  {
    name: "a stream without items ends well",
    run: async (site) => {
      assert.deepEqual(await theyCollect(site, { do: "count", items: 0 }), []);
    },
  },
  {
    name: "an item of 1 MB arrives whole",
    run: async (site) => {
      const [item] = (await theyCollect(site, { do: "count", items: 1, pad: MEGABYTE })) as Counted[];
      assert.equal(item?.pad, "x".repeat(MEGABYTE));
    },
  },
  {
    name: "a request of 1 MB is read whole",
    run: async (site) => {
      const text = "0123456789".repeat(MEGABYTE / 10);
      const expected = { length: MEGABYTE, sha256: sha256(text) };
      assert.deepEqual(await theyCollect(site, { do: "digest", text }), [expected]);
    },
  },
  {
    name: "integers beyond 2^53 come back as they were sent",
    run: async (site) => {
      assert.deepEqual(await theyCollect(site, { do: "echo", value: LARGE_INTEGERS }), [LARGE_INTEGERS]);
    },
  },
  {
    name: "200 requests at the same time get their own answers",
    run: async (site) => {
      const numbers = Array.from({ length: 200 }, (_, n) => n);
      const answers = numbers.map((value) => theyCollect(site, { do: "echo", value }));
      assert.deepEqual((await Promise.all(answers)).flat(), numbers);
    },
  },
  {
    name: "their round robin takes two workers in turn, direct the one that is named",
    run: async (site) => {
      const endpoint = "interop.ourpair.generate";
      await using first = await startOurWorker(site, endpoint);
      await using second = await startOurWorker(site, endpoint);
      const ask = async (options: object = {}): Promise<string> => {
        const key = randomUUID();
        const request = { do: "endless", key, everyMs: 1 } as const;
        await theyCollect(site, request, { endpoint, waitFor: 2, leaveAfter: 1, ...options });
        return key;
      };
      const inTurn = [await ask(), await ask(), await ask(), await ask()];
      assert.deepEqual(await knownTo(site, first, inTurn), 2);
      assert.deepEqual(await knownTo(site, second, inTurn), 2);
      const direct = [await ask({ operation: "direct", instance: second.id })];
      assert.deepEqual(await knownTo(site, second, direct), 1);
    },
  },
];

const endings: readonly SectionCell[] = [
  {
    name: "dropping the stream kills the request at our handler",
    run: async (site) => {
      const key = randomUUID();
      await theyCollect(site, { do: "endless", key, everyMs: 1 }, { leaveAfter: 3 });
      const client = await clientFor(site, (await site.use(ourWorker)).endpoint);
      assert.equal((await endedAccount(client, key)).state, "killed");
    },
  },
  {
    name: "stop_generating lets our handler say its last words",
    run: async (site) => {
      const key = randomUUID();
      const items = await theyCollect(site, { do: "endless", key, everyMs: 1 }, { stopAfter: 3 });
      assert.equal(items.at(-1), "last words");
      const client = await clientFor(site, (await site.use(ourWorker)).endpoint);
      assert.equal((await endedAccount(client, key)).state, "stopped");
    },
  },
  {
    name: "our worker that ends lets their stream finish first",
    run: async (site) => {
      await using worker = await startOurWorker(site, "interop.leaving.generate");
      const key = randomUUID();
      const request = { do: "endless", key, everyMs: 20 } as const;
      const call = theyCollect(site, request, { endpoint: worker.endpoint, stopAfter: 50 });
      const runs = until("their stream runs", async () => (await knownTo(site, worker, [key])) === 1);
      await Promise.race([runs, call]);
      await worker.process.kill("SIGTERM");
      assert.equal((await call).at(-1), "last words");
      await worker.process.ended;
    },
  },
];

/** How many of these requests the worker has had. */
async function knownTo(site: Site, { endpoint, id }: OurWorker, keys: readonly string[]): Promise<number> {
  const client = await clientFor<Account>(site, endpoint);
  const accounts = keys.map((key) => collect(client.direct({ do: "account", key }, id)));
  return (await Promise.all(accounts)).flat().filter(({ state }) => state !== "unknown").length;
}

export const cells = inSection("Their caller, our worker", [...streams, ...values, ...endings]);
