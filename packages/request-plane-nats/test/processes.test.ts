/** A worker process that is killed, with responses of both kinds. */
import type { ResponseMode } from "@dynamo/request-plane-core";
import { until } from "@dynamo/test-support";
import { collect, failureOf, settled, WorkerProcess } from "@dynamo/test-world";
import type { Caller, Order } from "@dynamo/test-world";
import { expect, it } from "vitest";
import { describeWithNats, natsServer } from "./support/nats.ts";
import { World } from "./support/world.ts";

const PROGRAM = new URL("processes/worker.ts", import.meta.url);

describeWithNats.each<[ResponseMode]>([["callhome"], ["inband"]])(
  "a worker process that is killed, with responses %s",
  (responseMode) => {
    const start = async (
      world: World,
      url: string,
    ): Promise<Caller<Order, number> & { worker: WorkerProcess }> => {
      const worker = await WorkerProcess.start(world, PROGRAM, [url]);
      const caller = await world.client<Order, number>({
        settings: { responseMode, establishMs: 2_000, firstItemMs: 5_000, betweenItemsMs: 10_000 },
      });
      expect(await collect(caller.client.roundRobin({ items: 2, then: "end" }))).toEqual([0, 1]);
      return { worker, ...caller };
    };

    it("in the middle: what came is delivered, then disconnected", async () => {
      const nats = await natsServer();
      await using world = new World(nats);
      const { worker, manager, client } = await start(world, nats.url);
      const items: number[] = [];
      const reading = (async () => {
        for await (const item of await client.roundRobin({ items: 5, then: "wait" })) {
          if (items.push(item) === 5) worker.signal("SIGKILL");
        }
      })();
      expect((await failureOf(reading)).code).toBe("disconnected");
      expect(items).toEqual([0, 1, 2, 3, 4]);
      await settled(manager);
    });

    it("leaves a second one to serve every call, without an error", async () => {
      const nats = await natsServer();
      await using world = new World(nats);
      const { worker, client } = await start(world, nats.url);
      await WorkerProcess.start(world, PROGRAM, [nats.url]);
      await until("both are known", () => client.instances().length === 2);
      worker.signal("SIGKILL");
      for (let i = 0; i < 20; i += 1) {
        expect(await collect(client.roundRobin({ items: 1, then: "end" }))).toEqual([0]);
      }
    });
  },
);
