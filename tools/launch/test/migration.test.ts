import { startNatsServer } from "@dynamo/nats-server";
import { describeWithNats } from "@dynamo/nats-server/vitest";
import { expect, it, onTestFinished } from "vitest";
import { ChatLoad } from "./chat-load.ts";
import { MODEL } from "./chat-request.ts";
import { Fleet, listed, offers } from "./fleet.ts";
import type { Frontend, Plane, Worker } from "./fleet.ts";

const CALLERS = 24;
const STREAMS_PER_MINUTE = 200;
/** An answer of this many tokens takes half a second. */
const WORDS = 20;
const ITL_MS = 25;
/** On a busy machine; only an answer that hangs takes so long. */
const BOUND_MS = 30_000;
const WELL = "exit code 0";

describeWithNats("a fleet under load", { timeout: 180_000 }, () => {
  it("moves from NATS to TCP to HTTP, one process at a time, without losing a request", async () => {
    const nats = await startNatsServer();
    onTestFinished(() => nats[Symbol.asyncDispose]());
    const fleet = new Fleet({ NATS_SERVER: nats.url });
    onTestFinished(() => fleet[Symbol.dispose]());

    const startWorker = (plane: Plane): Promise<Worker> => fleet.worker(plane, "--itl-ms", String(ITL_MS));
    let workers: readonly Worker[] = await Promise.all([startWorker("nats"), startWorker("nats")]);
    const first = await fleet.frontend("nats");
    await expect.poll(() => planesOf(first)).toEqual(["nats_tcp", "nats_tcp"]);
    await expect.poll(() => offers(first, MODEL)).toBe(true);

    const began = performance.now();
    const load = new ChatLoad({ port: first.port, callers: CALLERS, words: WORDS, boundMs: BOUND_MS });
    await load.carries(2 * CALLERS);

    const moveTo = async (plane: Plane, frontend: Frontend): Promise<void> => {
      const moved: Worker[] = [];
      for (const old of workers) {
        const fresh = await startWorker(plane);
        await expect.poll(() => idsOf(frontend)).toContain(fresh.id);
        expect(await old.program.terminate()).toBe(WELL);
        moved.push(fresh);
      }
      workers = moved;
      await expect.poll(() => planesOf(frontend)).toEqual([plane, plane]);
      await load.carries(2 * CALLERS);
    };

    await moveTo("tcp", first);

    const second = await fleet.frontend("tcp");
    await expect.poll(() => offers(second, MODEL)).toBe(true);
    await load.switchTo(second.port);
    expect(await first.program.terminate()).toBe(WELL);
    await nats.stop(); // Nobody needs it any more.
    await load.carries(2 * CALLERS);

    await moveTo("http", second);

    await load.stop();
    const minutes = (performance.now() - began) / 60_000;
    expect({ failures: load.failures, wrongs: load.wrongs }).toEqual({ failures: [], wrongs: [] });
    expect(load.whole / minutes).toBeGreaterThan(STREAMS_PER_MINUTE);
    const rest = [second.program, ...workers.map(({ program }) => program)];
    expect(await Promise.all(rest.map((program) => program.terminate()))).toEqual(rest.map(() => WELL));
  });
});

async function planesOf(frontend: Frontend): Promise<string[]> {
  return (await listed(frontend)).map(({ plane }) => plane);
}

async function idsOf(frontend: Frontend): Promise<string[]> {
  return (await listed(frontend)).map(({ id }) => id);
}
