import type { ResponseMode } from "@dynamo/request-plane-core";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { until } from "@dynamo/test-support";
import {
  calledProcess,
  collect,
  failureOf,
  killInTheMiddle,
  killOneOfTwo,
  settled,
  WorkerProcess,
} from "@dynamo/test-world";
import { connectionsOf, World } from "./support/world.ts";
import type { Caller, Order } from "@dynamo/test-world";
import type { ManagerSetup } from "./support/world.ts";

const PROGRAM = new URL("processes/worker.ts", import.meta.url);

function boundsFor(responseMode: ResponseMode): ManagerSetup {
  return {
    tcp: { requestTimeoutMs: 400, connectTimeoutMs: 400, idleMs: 100 },
    settings: { responseMode, establishMs: 400, firstItemMs: 400, betweenItemsMs: 400 },
  };
}

/** Sockets and timers of this process that keep it alive. */
function resources(): string[] {
  const ours = ["TCPSocketWrap", "TCPServerWrap", "Timeout"];
  return process.getActiveResourcesInfo().filter((name) => ours.includes(name));
}

/** Nothing is left open or under way, in this process and in the manager's view. */
async function expectRest({ manager }: Caller<Order, number>, before: readonly string[]): Promise<void> {
  await settled(manager);
  await until("idle connections are closed", () => connectionsOf(manager) === 0);
  await manager.close();
  await until("sockets and timers are as before", () => resources().length <= before.length);
}

describe.each<[ResponseMode]>([["callhome"], ["inband"]])("with responses %s,", (responseMode) => {
  describe("a worker process that is killed", () => {
    it("before the acknowledgement: disconnected or refused, at once", async () => {
      await using world = new World();
      const before = resources();
      const { worker, ...caller } = await calledProcess(world, PROGRAM, [], boundsFor(responseMode));
      await worker.freeze();
      const failure = failureOf(caller.client.roundRobin({ items: 1 }));
      await sleep(20);
      await worker.kill();
      expect((await failure).code).toBe("disconnected");
      // Nobody listens any more.
      expect((await failureOf(caller.client.roundRobin({ items: 1 }))).code).toBe("cannot_connect");
      expect(caller.client.inFlight).toBe(0);
      await expectRest(caller, before);
    });

    // In-band there is nothing to dial.
    it.runIf(responseMode === "callhome")(
      "before the dial-back: the wait is bounded, and ends at once when discovery hears of it",
      async () => {
        await using world = new World();
        const before = resources();
        const { worker, ...caller } = await calledProcess(world, PROGRAM, [], boundsFor(responseMode));
        // The request is acknowledged; the caller's address then keeps the worker from getting through.
        const bounds = boundsFor(responseMode);
        const blocked = await world.client<Order, number>({
          ...bounds,
          settings: { ...bounds.settings, callHomeAdvertiseHost: "127.0.0.9" },
        });
        const order = { items: 1, hold: true };
        const bounded = failureOf(blocked.client.roundRobin(order));
        const unbounded = failureOf(blocked.client.roundRobin(order, { timeouts: { establishMs: 0 } }));
        await until("both are acknowledged", () => {
          const { planes, responsesAwaited } = blocked.manager.health();
          return responsesAwaited === 2 && planes["tcp"]!.connections === 1 && planes["tcp"]!.pending === 0;
        });
        worker.signal("SIGKILL");
        expect(await bounded).toMatchObject({ code: "deadline_exceeded", facts: { phase: "establish" } });
        world.discovery.remove(worker.record);
        expect((await unbounded).code).toBe("disconnected");
        await blocked.manager.close();
        await expectRest(caller, before);
      },
    );

    it("in the middle: what came is delivered, then disconnected", async () => {
      await using world = new World();
      const before = resources();
      const { worker, ...caller } = await calledProcess(world, PROGRAM, [], boundsFor(responseMode));
      await killInTheMiddle(caller, worker);
      await expectRest(caller, before);
    });

    it("after the last item was sent: the response is whole all the same", async () => {
      await using world = new World();
      const before = resources();
      const { worker, ...caller } = await calledProcess(world, PROGRAM, [], boundsFor(responseMode));
      const stream = await caller.client.roundRobin({ items: 100 });
      await until("all was written", () => worker.has("yielded"));
      await sleep(50);
      worker.signal("SIGKILL");
      expect((await collect(stream)).length).toBe(100);
      await expectRest(caller, before);
    });

    it("leaves a second one to serve every call, without an error", async () => {
      await using world = new World();
      const { worker, ...caller } = await calledProcess(world, PROGRAM, [], boundsFor(responseMode));
      await WorkerProcess.start(world, PROGRAM);
      await killOneOfTwo(caller, worker);
    });
  });

  describe("a worker process that is stopped", () => {
    it("in the middle: deadline_exceeded between items; a new request waits for its acknowledgement only", async () => {
      await using world = new World();
      const before = resources();
      const { worker, ...caller } = await calledProcess(world, PROGRAM, [], boundsFor(responseMode));
      const items: number[] = [];
      const reading = (async () => {
        for await (const item of await caller.client.roundRobin({ items: 5, hold: true })) {
          if (items.push(item) === 5) await worker.freeze();
        }
      })();
      const error = await failureOf(reading);
      expect(error).toMatchObject({
        code: "deadline_exceeded",
        facts: { phase: "between_items", limit: 400 },
      });
      expect(items).toEqual([0, 1, 2, 3, 4]);
      const next = await failureOf(caller.client.roundRobin({ items: 1 }));
      expect(next).toMatchObject({ code: "deadline_exceeded", facts: { phase: "acknowledge", limit: 400 } });
      await expectRest(caller, before);
    });

    it("and goes on later serves again", async () => {
      await using world = new World();
      const { worker, client } = await calledProcess(world, PROGRAM, [], boundsFor(responseMode));
      await worker.freeze();
      expect((await failureOf(client.roundRobin({ items: 1 }))).facts.phase).toBe("acknowledge");
      worker.signal("SIGCONT");
      expect(await collect(client.roundRobin({ items: 3 }))).toEqual([0, 1, 2]);
    });
  });
});
