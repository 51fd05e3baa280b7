/** A worker process that is killed, with responses of both kinds. */
import type { ResponseMode } from "@dynamo/request-plane-core";
import { calledProcess, killInTheMiddle, killOneOfTwo, WorkerProcess } from "@dynamo/test-world";
import { describeWithNats, natsServer } from "@dynamo/nats-server/vitest";
import { it } from "vitest";
import { World } from "./support/world.ts";

const PROGRAM = new URL("processes/worker.ts", import.meta.url);
const BOUNDS = { establishMs: 2_000, firstItemMs: 5_000, betweenItemsMs: 10_000 };

describeWithNats.each<[ResponseMode]>([["callhome"], ["inband"]])(
  "a worker process that is killed, with responses %s",
  (responseMode) => {
    const setup = { settings: { responseMode, ...BOUNDS } };

    it("in the middle: what came is delivered, then disconnected", async () => {
      const nats = await natsServer();
      await using world = new World(nats);
      const { worker, ...caller } = await calledProcess(world, PROGRAM, [nats.url], setup);
      await killInTheMiddle(caller, worker);
    });

    it("leaves a second one to serve every call, without an error", async () => {
      const nats = await natsServer();
      await using world = new World(nats);
      const { worker, ...caller } = await calledProcess(world, PROGRAM, [nats.url], setup);
      await WorkerProcess.start(world, PROGRAM, [nats.url]);
      await killOneOfTwo(caller, worker);
    });
  },
);
