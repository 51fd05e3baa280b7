/** A worker process that is killed, with responses of both kinds. */
import type { ResponseMode } from "@dynamo/request-plane-core";
import { calledProcess, killInTheMiddle, killOneOfTwo, WorkerProcess } from "@dynamo/test-world";
import { describe, it } from "vitest";
import { World } from "./support/world.ts";

const PROGRAM = new URL("processes/worker.ts", import.meta.url);
const BOUNDS = { establishMs: 2_000, firstItemMs: 5_000, betweenItemsMs: 10_000 };

describe.each<[ResponseMode]>([["callhome"], ["inband"]])(
  "a worker process that is killed, with responses %s",
  (responseMode) => {
    const setup = { settings: { responseMode, ...BOUNDS } };

    it("in the middle: what came is delivered, then disconnected", async () => {
      await using world = new World();
      const { worker, ...caller } = await calledProcess(world, PROGRAM, [], setup);
      await killInTheMiddle(caller, worker);
    });

    it("leaves a second one to serve every call, without an error", async () => {
      await using world = new World();
      const { worker, ...caller } = await calledProcess(world, PROGRAM, [], setup);
      await WorkerProcess.start(world, PROGRAM);
      await killOneOfTwo(caller, worker);
    });
  },
);
