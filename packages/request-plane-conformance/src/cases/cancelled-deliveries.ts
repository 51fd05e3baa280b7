/**
 * The raw contract: what a signal does to one delivery.
 */
import assert from "node:assert/strict";
import type { ConformanceCase } from "../case.ts";
import { fails, outbound } from "../checks.ts";
import { until } from "../waiting.ts";
import { usedLine } from "./line.ts";
import { notingServer } from "./noting-server.ts";

export const CANCELLED_DELIVERIES: readonly Omit<ConformanceCase, "group">[] = [
  {
    name: "deliver with an aborted signal rejects with cancelled and sends nothing",
    requires: ["own worker"],
    run: async (world) => {
      const { address, accepted } = await notingServer(world);
      const client = world.client();
      await fails(
        client.deliver(outbound(address, undefined, { signal: AbortSignal.abort("no") })),
        "cancelled",
      );
      await client.deliver(outbound(address));
      assert.equal(accepted.length, 1);
    },
  },
  {
    name: "deliver that is aborted while it waits for the acknowledgement rejects with cancelled at once",
    requires: ["own worker", "direct connection"],
    settings: { acknowledgeTimeoutMs: 60_000 },
    run: async (world) => {
      const { proxy, client, address } = await usedLine(world);
      proxy.toClient = { blackHole: true };
      const controller = world.controller();
      const delivery = fails(
        client.deliver(outbound(address, undefined, { signal: controller.signal })),
        "cancelled",
      );
      await until("the request waits", () => client.health().pending > 0);
      controller.abort("no more");
      assert.equal((await delivery).cause, "no more");
      proxy.toClient = {};
    },
  },
  {
    name: "a signal that is aborted after the acknowledgement doesn't harm the connection",
    requires: ["own worker"],
    run: async (world) => {
      const { address, accepted } = await notingServer(world);
      const client = world.client();
      const controller = world.controller();
      await client.deliver(outbound(address, undefined, { signal: controller.signal }));
      controller.abort();
      await client.deliver(outbound(address));
      assert.equal(accepted.length, 2);
    },
  },
];
