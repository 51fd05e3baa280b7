/**
 * Our caller asks their worker.
 */
import assert from "node:assert/strict";
import type { EndpointClient } from "@dynamo/request-plane-core";
import { inSection } from "../cell.ts";
import { ourCaller } from "../roles/our-caller.ts";
import { theirWorker } from "../roles/their-worker.ts";
import type { Site } from "../site.ts";

async function clientOf<Item>(site: Site): Promise<EndpointClient<unknown, Item>> {
  const { endpoint } = await site.use(theirWorker);
  return (await site.use(ourCaller)).client<unknown, Item>(endpoint);
}

export const cells = inSection("Our caller, their worker", [
  {
    name: "10,000 items arrive in their order",
    run: async (site) => {
      const client = await clientOf<{ n: number }>(site);
      let expected = 0;
      for await (const { n } of await client.roundRobin({ do: "count", items: 10_000 })) {
        assert.equal(n, expected);
        expected += 1;
      }
      assert.equal(expected, 10_000);
    },
  },
]);
