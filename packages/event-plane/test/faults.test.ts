/** What is killed on either side is missed, noticed and made good; nothing stays behind. */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileDiscovery } from "@dynamo/discovery";
import { describeWithNats, natsServer } from "@dynamo/nats-server/vitest";
import { describe, expect, onTestFinished, test } from "vitest";
import { eventPlane } from "../src/index.ts";
import type { EventTransport } from "../src/index.ts";
import { natsEvents } from "../src/nats/index.ts";
import { zmqOnLoopback } from "./support/transports.ts";
import { overlap, range, stored, until, World } from "./support/world.ts";

/** How many workers are killed in a test, one after the other. */
const KILLS = Number(process.env["DYNAMO_TEST_EVENT_KILLS"] ?? 2);

const LEASE_MS = 1_500;

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "event-plane-"));
  onTestFinished(() => rm(path, { recursive: true, force: true, maxRetries: 10 }));
  return path;
}

/** A process that tells of a chain of blocks, longer by one every few milliseconds. */
async function startWorker(root: string, transport: string): Promise<{ child: ChildProcess; id: bigint }> {
  const path = new URL("support/worker.ts", import.meta.url);
  const child = fork(path, [root, String(LEASE_MS), transport], { execArgv: [] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [id] = (await once(child, "message")) as [string];
  return { child, id: BigInt(id) };
}

describe("over ZMQ", () => survives(async () => ["zmq", () => zmqOnLoopback()]));
describeWithNats("over NATS", () =>
  survives(async () => {
    const server = await natsServer();
    return [server.url, () => natsEvents({ servers: server.url, environment: {} })];
  }),
);

function survives(begin: () => Promise<[name: string, make: () => EventTransport]>): void {
  test("workers that are killed, one after the other, leave no blocks and no channels", async () => {
    const [name, transport] = await begin();
    const root = await folder();
    const discovery = fileDiscovery({ root, leaseMs: LEASE_MS });
    const world = new World((manager) => eventPlane({ manager, transport: transport() }), discovery);
    const { router, events } = await world.router([]);
    for (let kill = 0; kill < KILLS; kill++) {
      const { child, id } = await startWorker(root, name);
      router.setWorker({ workerId: id });
      const worker = { instance: { instance_id: id } };
      await until("its blocks are known", () => overlap(router, worker as never, range(1, 50)) > 20);
      child.kill("SIGKILL");
      await until("its channels are gone", () => events.status().channels === 0);
      router.removeWorker(id);
    }
    await until("its source is gone", () => events.status().sources === 0);
    expect(router.events?.size).toBe(0);
    expect(events.status().counts.unknownParents).toBe(0);
  });
}

describeWithNats("over NATS", () => {
  test("a server that is killed: what was told meanwhile is asked for, also when nothing more is told", async () => {
    const server = await natsServer();
    const world = World.over(() => natsEvents({ servers: server.url, environment: {} }));
    const worker = await world.worker();
    const { router, events } = await world.router([worker]);
    worker.events.publishKv(0, stored([1]));
    await until("it is known", () => overlap(router, worker, [1]) === 1);
    await server.kill("SIGKILL");
    for (const block of range(2, 40)) worker.events.publishKv(0, stored([block], block - 1));
    await server.start();
    await until("all is known", () => overlap(router, worker, range(1, 60)) === 39);
    // The worker may not be connected again, and this event be lost.
    worker.events.publishKv(0, stored([40], 39));
    await until("it goes on", () => overlap(router, worker, range(1, 60)) === 40);
    expect(events.status().counts.failedRecoveries).toBe(0);
  });

  test("a server that isn't there is an error for workers, and for routers that tell others", async () => {
    const server = await natsServer();
    await server.kill("SIGKILL");
    const world = World.over(() => natsEvents({ servers: server.url, environment: {} }));
    await expect(world.worker()).rejects.toMatchObject({ code: "cannot_connect" });
    await expect(world.router([], { replicaSync: true })).rejects.toMatchObject({ code: "cannot_connect" });
    expect(await world.discovery.list({ type: "EventChannel" })).toEqual([]);
  });
});

test("a router hears nothing of workers that use another transport, and says so once", async () => {
  const other: EventTransport = { ...zmqOnLoopback(), kind: "Other" };
  const world = World.over(zmqOnLoopback);
  const worker = await world.worker();
  const strange = new World((manager) => eventPlane({ manager, transport: other }), world.discovery);
  const { events, warnings } = await strange.router([worker]);
  await until("it is said", () => warnings.length >= 3);
  expect(warnings[0]).toContain("set DYN_EVENT_PLANE alike for all");
  expect(events.status().channels).toBe(0);
});
