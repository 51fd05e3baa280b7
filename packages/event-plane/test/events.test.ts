/** What workers tell arrives at routers, over each transport. */
import { describeWithNats } from "@dynamo/nats-server/vitest";
import { describe, expect, test } from "vitest";
import type { EventTransport } from "../src/index.ts";
import { natsTransports, zmqOnLoopback } from "./support/transports.ts";
import { overlap, range, removed, stored, until, World } from "./support/world.ts";

describe("over ZMQ", () => brings(async () => zmqOnLoopback));
describeWithNats("over NATS", () => brings(natsTransports));

function brings(transports: () => Promise<() => EventTransport>): void {
  const begin = async (): Promise<World> => World.over(await transports());

  test("blocks that come and go, of each rank alone", async () => {
    const world = await begin();
    const worker = await world.worker([0, 1]);
    const { router } = await world.router([worker]);
    worker.events.publishKv(0, stored([1, 2, 3, 4]));
    worker.events.publishKv(1, stored([1, 2]));
    await until("both ranks are known", () => overlap(router, worker, range(1, 9), 1) === 2);
    await until("the other too", () => overlap(router, worker, range(1, 9)) === 4);
    worker.events.publishKv(0, stored([5], 4));
    expect(worker.events.publishKv(0, removed([3]))).toBe(3);
    await until("one is gone", () => overlap(router, worker, range(1, 9)) === 2);
    worker.events.publishKv(1, { kind: "cleared" });
    await until("rank 1 is empty", () => overlap(router, worker, range(1, 9), 1) === 0);
    expect(overlap(router, worker, range(1, 9))).toBe(2);
  });

  test("what was told before a router came, also when the worker has forgotten its events", async () => {
    const world = await begin();
    const worker = await world.worker();
    for (const block of range(1, 3_001)) {
      worker.events.publishKv(0, stored([block], block === 1 ? undefined : block - 1));
    }
    const { router, events } = await world.router([worker]);
    await until("all is known", () => overlap(router, worker, range(1, 4_000)) === 3_000);
    await events.settled();
    expect(events.status()).toMatchObject({ sources: 1, channels: 3 });
    worker.events.publishKv(0, stored([3_001], 3_000));
    await until("it goes on", () => overlap(router, worker, range(1, 4_000)) === 3_001);
    expect(events.status().counts).toMatchObject({ gaps: 0, unknownParents: 0, failedRecoveries: 0 });
  });

  test("thousands of events in one turn", async () => {
    const world = await begin();
    const worker = await world.worker();
    const { router, events } = await world.router([worker]);
    await until("it is followed", () => events.status().sources === 1);
    for (const block of range(1, 20_001)) {
      worker.events.publishKv(0, stored([block], block === 1 ? undefined : block - 1));
    }
    await until("all is known", () => overlap(router, worker, range(1, 20_001)) === 20_000);
    expect(events.status().counts.unknownParents).toBe(0);
  });

  test("load, the last of each moment", async () => {
    const world = await begin();
    const worker = await world.worker();
    const { router } = await world.router([worker]);
    const slot = router.slots.take(worker.instance.instance_id, 0);
    await until("it is known", () => {
      worker.events.reportLoad({ dpRank: 0, kvUsedBlocks: 1 });
      worker.events.reportLoad({ dpRank: 0, kvUsedBlocks: 7 });
      return router.workers.reportOf(slot)?.kvUsedBlocks !== undefined;
    });
    expect(router.workers.reportOf(slot)?.kvUsedBlocks).toBe(7);
  });

  test("a worker that closes is followed no more; a router that closes leaves nothing", async () => {
    const world = await begin();
    const worker = await world.worker();
    const one = await world.router([worker], { replicaSync: true });
    worker.events.publishKv(0, stored([1, 2]));
    await until("it is known", () => overlap(one.router, worker, [1, 2]) === 2);
    await worker.close();
    await until("no channel is left", () => one.events.status().channels === 0);
    expect(one.events.status()).toMatchObject({ sources: 0, channels: 0 });
    // The router's user says when the worker itself is gone.
    expect(overlap(one.router, worker, [1, 2])).toBe(2);
    await one.close();
    for (const type of ["Endpoint", "EventChannel", "EventSource"] as const) {
      expect(await world.discovery.list({ type })).toEqual([]);
    }
  });

  test("a worker that left before its last events leaves no blocks", async () => {
    const world = await begin();
    const worker = await world.worker();
    const { router, events } = await world.router([worker]);
    worker.events.publishKv(0, stored([1]));
    await until("it is known", () => router.events?.size === 1);
    router.removeWorker(worker.instance.instance_id);
    worker.events.publishKv(0, stored([2]));
    await until("a late event is here", () => router.events?.size === 1);
    await worker.close();
    await until("its source is gone", () => events.status().sources === 0);
    expect(router.events?.size).toBe(0);
  });

  test("requests of other routers, until they are over or their router is gone", async () => {
    const world = await begin();
    const worker = await world.worker();
    const one = await world.router([worker], { replicaSync: true });
    const other = await world.router([worker], { replicaSync: true });
    // A worker's three channels, and that of the other router.
    await until("they know each other", () =>
      [one, other].every(({ events }) => events.status().channels === 4),
    );
    const prompt = one.router.prompt(range(0, 12));
    let { active, worker: rank } = one.router.route({ requestId: "a", prompt });
    await until("the other has it", () => {
      if (other.router.active.size === 0) {
        active.release();
        ({ active, worker: rank } = one.router.route({ requestId: "a", prompt }));
      }
      return other.router.active.size === 1;
    });
    const tokens = (): number =>
      other.router.active.prefillTokens(other.router.slots.find(rank.workerId, rank.dpRank) ?? -1);
    await until("with its load", () => tokens() === 12);
    worker.events.prefillCompleted("a", rank.dpRank);
    await until("the worker's word counts", () => tokens() === 0);
    active.release();
    await until("it is over", () => other.router.active.size === 0);
    expect(one.router.active.size).toBe(0);

    one.router.route({ requestId: "b", prompt });
    one.router.route({ requestId: "c", prompt });
    await until("the other has both", () => other.router.active.size === 2);
    await one.close();
    await until("nothing of the gone router is left", () => other.router.active.size === 0);
  });
}
