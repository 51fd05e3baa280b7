import { getEventListeners } from "node:events";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import { describe, expect, it } from "vitest";
import { ScriptedWorker } from "./support/scripted-worker.ts";
import { until } from "@dynamo/test-support";
import { busy, collect, idOf, settled } from "@dynamo/test-world";
import { connectionsOf, World } from "./support/world.ts";

/** Calls of the second test; three of ten get one of six faults. */
const CALLS = 5_040;
const EACH = (CALLS * 3) / 10 / 6;

function heapAfterCollection(): number {
  globalThis.gc!();
  return process.memoryUsage().heapUsed;
}

describe("a thousand streams at once", () => {
  it("are all whole, none crossed, and leave nothing behind", async () => {
    await using world = new World();
    const worker = await world.worker(async function* (stream: number) {
      for (let i = 0; i < 20; i += 1) {
        if (i % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
        yield [stream, i];
      }
    });
    const { client, manager } = await world.client<number, [number, number]>();
    const run = async (streams: number): Promise<number> => {
      const all = Array.from({ length: streams }, (_, n) => collect(client.roundRobin(n)));
      let wrong = 0;
      for (const [n, items] of (await Promise.all(all)).entries()) {
        const right = items.length === 20 && items.every(([stream, i], at) => stream === n && i === at);
        if (!right) wrong += 1;
      }
      return wrong;
    };
    expect(await run(200)).toBe(0);
    await settled(manager, worker.manager);
    const before = heapAfterCollection();
    expect(await run(1_000)).toBe(0);
    await settled(manager, worker.manager);
    await until("the worker is idle", () => worker.served.inFlight === 0);
    expect(client.inFlight).toBe(0);
    // A thousand requests that stayed would hold several kilobytes each.
    await until("the heap is back", () => heapAfterCollection() < before + 4 * 1024 * 1024);
  });
});

describe("five thousand calls with faults in a third of them", () => {
  it("each end as they should, and leave no gauge, timer, socket or listener behind", async () => {
    await using world = new World();
    const { signal } = new AbortController();
    const good = await world.worker(
      async function* ({ n, fault }: { n: number; fault?: string }) {
        if (fault === "throw") throw new RequestPlaneError("invalid_argument", "bad");
        yield n;
        if (fault === "leave") await new Promise((resolve) => setTimeout(resolve, 5));
        yield n;
      },
      { instanceId: idOf(1) },
    );
    const reset = await ScriptedWorker.start(world, idOf(2), async (request) => {
      if (request.index % 2 === 0) request.socket.resetAndDestroy();
      else (await request.ack().begin()).item(-1).response.resetAndDestroy();
    });
    const refusing = await ScriptedWorker.start(world, idOf(3), (request) =>
      request.refuse("Server overloaded: worker at capacity"),
    );
    const { client, manager } = await world.client<{ n: number; fault?: string; filler?: string }, number>({
      tcp: { maxMessageBytes: 8_192, idleMs: 100 },
    });
    const ends: Record<string, number> = {};
    const faults = ["throw", "leave", "abort", "reset", "refused", "oversize"] as const;
    const call = async (n: number): Promise<string> => {
      const fault = n % 10 < 3 ? faults[Math.floor(n / 10) % faults.length] : undefined;
      const request = {
        n,
        ...(fault && { fault }),
        ...(fault === "oversize" && { filler: "x".repeat(9_000) }),
      };
      const target = fault === "reset" ? idOf(2) : fault === "refused" ? idOf(3) : idOf(1);
      const controller = new AbortController();
      const options = { signal: fault === "abort" ? controller.signal : signal };
      try {
        const opening = client.direct(request, target, options);
        if (fault === "abort") setTimeout(() => controller.abort(), n % 7);
        const items: number[] = [];
        for await (const item of await opening) {
          items.push(item);
          if (fault === "leave") return "left";
        }
        return items.length === 2 && items.every((item) => item === n) ? "whole" : "wrong";
      } catch (error) {
        return RequestPlaneError.is(error) ? error.code : String(error);
      } finally {
        expect(getEventListeners(controller.signal, "abort").length).toBe(0);
      }
    };
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < CALLS) {
        const end = await call(next++);
        ends[end] = (ends[end] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: 100 }, lane));

    const {
      whole = 0,
      cancelled = 0,
      left,
      invalid_argument: thrown,
      payload_too_large: oversize,
      ...others
    } = ends;
    expect({ left, thrown, oversize }).toEqual({ left: EACH, thrown: EACH, oversize: EACH });
    // An abort may come too late.
    expect(whole + cancelled).toBe(CALLS - 5 * EACH);
    expect(others).toEqual({ overloaded: EACH, disconnected: EACH });
    expect(refusing.requests.length).toBe(EACH);
    expect(reset.requests.length).toBeGreaterThan(0);

    await settled(manager, good.manager);
    await until("the worker is idle", () => good.served.inFlight === 0);
    await until("idle connections are closed", () => connectionsOf(manager) === 0);
    expect(client.inFlight).toBe(0);
    expect(busy(manager.health())).toBe(0);
    expect(getEventListeners(signal, "abort")).toEqual([]);
    await manager.close();
    await good.manager.close();
    await reset.stop();
    await refusing.stop();
    await until("no socket, listener or timer is left", () => {
      const open = process.getActiveResourcesInfo();
      return ["TCPSocketWrap", "TCPServerWrap"].every((name) => !open.includes(name));
    });
  });
});
