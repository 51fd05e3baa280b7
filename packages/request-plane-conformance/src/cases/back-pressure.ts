/**
 * Who is not read has to wait: nothing piles up between worker and caller.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { EndpointClient } from "@dynamo/request-plane-core";
import { inGroup } from "../case.ts";
import type { ConformanceCase } from "../case.ts";
import { assertBytes, bytesOf, collect, outbound } from "../checks.ts";
import type { Account, Counted, ReferenceRequest } from "../reference/request.ts";
import { until } from "../waiting.ts";
import { accountOf, ends } from "./accounts.ts";
import { line } from "./line.ts";

type Case = Omit<ConformanceCase, "group">;

/** Larger than all buffers on loopback together: socket buffers may grow to some megabytes on each side. */
const UNREAD_LIMIT_BYTES = 40 * 1024 * 1024;

/** Resolves with the worker's account when it has stopped handing out items. */
async function stalled(client: EndpointClient<ReferenceRequest>, key: string): Promise<Account> {
  let account = await accountOf(client, key);
  let unchanged = 0;
  await until(
    "the worker waits",
    async () => {
      const before = account.items;
      await new Promise((resolve) => setTimeout(resolve, 100));
      account = await accountOf(client, key);
      unchanged = account.items === before && before > 0 ? unchanged + 1 : 0;
      // On a busy machine a worker that doesn't wait may still have to pause.
      return unchanged === 3;
    },
    10_000,
  );
  return account;
}

const PADS = [262_144, 1_048_576];

const unread = PADS.map((pad): Case => ({
  name: `a worker with items of ${pad} letters waits for a caller that doesn't read`,
  run: async (world) => {
    const { client } = await world.reference();
    const key = randomUUID();
    const stream = await client.roundRobin({ do: "endless", key, pad });
    const { items } = await stalled(client, key);
    assert.ok(items * pad < UNREAD_LIMIT_BYTES, `${items} items of ${pad} letters were sent unread`);
    stream.cancel();
    await ends(client, key, "killed");
  },
}));

const others: readonly Case[] = [
  {
    name: "a worker that had to wait goes on when its caller reads, and nothing is missing",
    run: async (world) => {
      const { client } = await world.reference<Counted>();
      const key = randomUUID();
      const stream = await client.roundRobin({ do: "endless", key, pad: 262_144 });
      const { items } = await stalled(client, key);
      let read = 0;
      for await (const { n, pad } of stream) {
        assert.deepEqual([n, pad.length], [read, 262_144]);
        read += 1;
        if (read === items + 20) break;
      }
    },
  },
  {
    name: "a caller that doesn't read one response reads others",
    run: async (world) => {
      const { client } = await world.reference();
      const key = randomUUID();
      const stream = await client.roundRobin({ do: "endless", key, pad: 262_144 });
      const { items } = await stalled(client, key);
      // More than what a connection holds that both responses may share.
      const other = await collect(client.roundRobin({ do: "count", items: 100, pad: 262_144 }));
      assert.equal(other.length, 100);
      assert.equal((await accountOf(client, key)).items, items);
      stream.cancel();
    },
  },
  {
    name: "a worker that waits for its caller hears that it is gone",
    run: async (world) => {
      const { client } = await world.reference();
      const key = randomUUID();
      const stream = await client.roundRobin({ do: "endless", key, pad: 1_048_576 });
      await stalled(client, key);
      stream.cancel();
      await ends(client, key, "killed");
    },
  },
  {
    name: "a network that stands still makes the worker wait too",
    run: async (world) => {
      const proxy = await world.proxy();
      const { client: other } = await world.reference();
      const { client } = await world.reference({ responsesThrough: proxy });
      const key = randomUUID();
      const stream = await client.roundRobin({ do: "endless", key, pad: 524_288 });
      proxy.toServer = { blackHole: true };
      const { items } = await stalled(other, key);
      assert.ok(items * 524_288 < UNREAD_LIMIT_BYTES, `${items} items were sent into the dark`);
      proxy.toServer = {};
      stream.cancel();
      await ends(other, key, "killed");
    },
  },
  {
    name: "a response over a slow network is whole",
    run: async (world) => {
      const proxy = await world.proxy();
      proxy.toServer = { bytesPerSecond: 1_000_000 };
      const { client } = await world.reference<Counted>({ responsesThrough: proxy });
      const items = await collect(client.roundRobin({ do: "count", items: 10, pad: 20_000 }));
      assert.equal(
        items.reduce((sum, { pad }) => sum + pad.length, 0),
        200_000,
      );
    },
  },
];

const deliveries: readonly Case[] = [
  {
    name: "requests over a slow network arrive whole",
    requires: ["own worker", "direct connection"],
    run: async (world) => {
      const { proxy, client, address, accepted } = await line(world);
      proxy.toServer = { bytesPerSecond: 2_000_000 };
      const envelopes = [1, 2, 3].map((seed) => bytesOf(150_000, seed));
      await Promise.all(envelopes.map((envelope) => client.deliver(outbound(address, envelope))));
      assert.equal(accepted.length, 3);
      for (const envelope of envelopes)
        assert.ok(accepted.some((got) => Buffer.from(got.envelope).equals(envelope)));
    },
  },
  {
    name: "a request that arrives byte by byte is accepted whole",
    requires: ["own worker", "direct connection"],
    run: async (world) => {
      const { proxy, client, address, accepted } = await line(world);
      proxy.toServer = { pieceBytes: 1 };
      proxy.toClient = { pieceBytes: 1 };
      await client.deliver(outbound(address, bytesOf(700)));
      assertBytes(accepted[0]?.envelope, bytesOf(700));
    },
  },
];

export const BACK_PRESSURE: readonly ConformanceCase[] = inGroup("back pressure", [
  ...unread,
  ...others,
  ...deliveries,
]);
