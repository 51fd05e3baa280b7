/** The way of 0.7: KV events in a stream of a real server, snapshots in its object store, routers in etcd. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { etcdDiscovery } from "@dynamo/discovery/etcd";
import type { NatsServer } from "@dynamo/nats-server";
import type { Discovery } from "@dynamo/request-plane-core";
import { natsLink } from "@dynamo/request-plane-nats/connection";
import type { NatsConnection } from "@dynamo/request-plane-nats/connection";
import { jetstreamManager } from "@nats-io/jetstream";
import type { ConsumerInfo, JetStreamManager } from "@nats-io/jetstream";
import { Objm } from "@nats-io/obj";
import { recordingLogger } from "@dynamo/test-world";
import { describeWithEtcd, etcdServer } from "@dynamo/etcd-server/vitest";
import { describeWithNats } from "@dynamo/nats-server/vitest";
import { expect, onTestFinished, test } from "vitest";
import { decodeKvEventJson, decodeSnapshot } from "@dynamo/kv-router/wire";
import { jetStreamPlane } from "../src/jetstream/index.ts";
import { KvConsumer } from "../src/jetstream/kv-consumer.ts";
import { jetStreamNames } from "../src/jetstream/names.ts";
import { jetStreamServer, wayTo } from "./support/jetstream.ts";
import { GENERATE, overlap, range, removed, stored, until, World } from "./support/world.ts";

const STREAM = "namespace-dynamo-component-backend-kv-events";
const BUCKET = "namespace-dynamo-component-backend-radix-bucket";

function worldOn(server: Pick<NatsServer, "url">, discovery?: Discovery): World {
  const plane = ({ discovery: given }: { discovery: Discovery }) =>
    jetStreamPlane({ discovery: given, servers: server.url, environment: {} });
  return new World(plane, discovery);
}

async function bystander(
  server: NatsServer,
): Promise<{ connection: NatsConnection; manager: JetStreamManager }> {
  const link = natsLink({ servers: server.url, environment: {} });
  onTestFinished(() => link.close());
  const connection = await link.connect();
  return { connection, manager: await jetstreamManager(connection) };
}

/** Without those that the server is deleting, for which it lists `null`. */
async function consumersOf({ consumers }: JetStreamManager): Promise<ConsumerInfo[]> {
  const listed: (ConsumerInfo | null)[] = await consumers.list(STREAM).next();
  return listed.filter((info) => info !== null);
}

describeWithNats("JetStream", () => {
  test("streams, subjects and messages are those of 0.7.1", async () => {
    const server = await jetStreamServer();
    const { connection, manager } = await bystander(server);
    const heard: Record<string, string[]> = {};
    for (const subjects of [`${STREAM}.*`, "namespace.>"]) {
      connection.subscribe(subjects, {
        callback: (_error, message) => void (heard[message.subject] ??= []).push(message.string()),
      });
    }
    await connection.flush();
    const world = worldOn(server);
    const worker = await world.worker();
    const { router } = await world.router([worker]);
    expect(worker.events.publishKv(0, stored([1, 2]))).toBe(0);
    worker.events.publishKv(0, stored([3], 2));
    worker.events.publishKv(0, removed([3]));
    worker.events.publishKv(0, { kind: "cleared" });
    worker.events.publishKv(0, stored([7]));
    worker.events.reportLoad({ dpRank: 0, kvUsedBlocks: 7, totalKvBlocks: 64 });
    await until("the router has all", () => overlap(router, worker, [7]) === 1);
    expect(router.events?.size).toBe(1);
    const slot = router.slots.find(worker.instance.instance_id, 0) ?? -1;
    await until("and the load", () => router.workers.reportOf(slot)?.kvUsedBlocks === 7);

    const id = worker.instance.instance_id;
    const events = heard[`${STREAM}.queue`] ?? [];
    expect(events[0]).toBe(
      `{"worker_id":${id},"event":{"event_id":0,"data":{"stored":{"parent_hash":null,` +
        `"blocks":[{"block_hash":1,"tokens_hash":1},{"block_hash":2,"tokens_hash":2}]}},"dp_rank":0}}`,
    );
    expect(events.map((text) => decodeKvEventJson(text).eventId)).toEqual([0, 1, 2, 3, 4]);
    expect(heard["namespace.dynamo.kv_metrics"]).toHaveLength(1);
    const { config } = await manager.streams.info(STREAM);
    expect(config).toMatchObject({
      subjects: [`${STREAM}.*`],
      retention: "limits",
      discard: "old",
      storage: "file",
      max_age: 3_600_000_000_000,
    });
    const [consumer] = await consumersOf(manager);
    expect(consumer?.config).toMatchObject({
      durable_name: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      deliver_policy: "all",
      ack_policy: "explicit",
      replay_policy: "instant",
      inactive_threshold: 3_600_000_000_000,
    });
  });

  test("a router that comes later takes the snapshot and what came after it", async () => {
    const server = await jetStreamServer();
    const { connection, manager } = await bystander(server);
    const world = worldOn(server);
    const worker = await world.worker();
    const first = await world.router([worker], { snapshotThreshold: 20 });
    for (const block of range(1, 101)) {
      worker.events.publishKv(0, stored([block], block === 1 ? undefined : block - 1));
    }
    worker.events.publishKv(0, removed([100]));
    await until("the stream is short", async () => {
      const { state } = await manager.streams.info(STREAM);
      return first.events.status().counts.applied === 101 && state.messages < 20;
    });
    const store = await new Objm(connection).open(BUCKET);
    const blob = await store.getBlob("radix-state");
    expect(decodeSnapshot(blob ?? new Uint8Array()).length).toBeGreaterThan(0);
    worker.events.publishKv(0, stored([101], 99));

    const second = await world.router([worker]);
    await second.events.settled();
    const chain = [...range(1, 100), 101];
    await until("it knows all", () => overlap(second.router, worker, chain) === 100);
    await first.close();
    await second.close();
    expect(await consumersOf(manager)).toEqual([]);
  });

  test("a state that can't be read is told, left as it is, and keeps no router from following", async () => {
    const server = await jetStreamServer();
    const { connection, manager } = await bystander(server);
    const store = await new Objm(connection).create(BUCKET);
    const foreign = Buffer.from('{"version":2,"entries":[]}');
    await store.putBlob({ name: "radix-state" }, foreign);
    const world = worldOn(server);
    const worker = await world.worker();
    const { router, events, warnings } = await world.router([worker], { snapshotThreshold: 20 });
    for (const block of range(1, 101)) {
      worker.events.publishKv(0, stored([block], block === 1 ? undefined : block - 1));
    }
    await until("it knows all", () => overlap(router, worker, range(1, 101)) === 100);
    expect(events.status().counts.applied).toBe(100);
    expect(warnings.join("\n")).toContain(`radix-state in ${BUCKET} can't be read`);
    // Longer than a router takes to look after the stream.
    await sleep(3_500);
    expect(await store.getBlob("radix-state")).toEqual(foreign);
    expect((await manager.streams.info(STREAM)).state.messages).toBe(100);
  });

  test("states are reset when that is wanted", async () => {
    const server = await jetStreamServer();
    const { manager } = await bystander(server);
    const world = worldOn(server);
    const worker = await world.worker();
    worker.events.publishKv(0, stored([1]));
    await until("it is there", async () => (await manager.streams.info(STREAM)).state.messages === 1);
    const reset = await world.router([worker], { resetStates: true });
    await reset.events.settled();
    expect(reset.router.events?.size).toBe(0);
    expect((await manager.streams.info(STREAM)).state.messages).toBe(0);
    worker.events.publishKv(0, stored([2]));
    await until("it goes on", () => overlap(reset.router, worker, [2]) === 1);
  });

  test("a server that is killed loses no event, whether told before, meanwhile or after", async () => {
    const server = await jetStreamServer();
    const world = worldOn(server);
    const worker = await world.worker();
    const { router, events } = await world.router([worker]);
    let last = 0;
    const publish = (count: number): void => {
      for (const block of range(last + 1, last + count + 1)) {
        worker.events.publishKv(0, stored([block], block === 1 ? undefined : block - 1));
      }
      last += count;
    };
    publish(500);
    await until("it is known", () => overlap(router, worker, range(1, 501)) === 500);
    publish(500);
    await server.kill("SIGKILL");
    publish(500);
    await server.start();
    publish(500);
    await until("all is known", () => overlap(router, worker, range(1, last + 1)) === last);
    expect(events.status().counts.unknownParents).toBe(0);
  });

  test("what is under way when a connection is lost comes at once when there is another one, and in order", async () => {
    const server = await jetStreamServer();
    const { manager } = await bystander(server);
    const world = worldOn(server);
    const worker = await world.worker();
    const way = await wayTo(server);
    const { router, events } = await worldOn(way, world.discovery).router([worker]);
    const publish = (from: number, to: number): void => {
      for (const block of range(from, to)) {
        worker.events.publishKv(0, stored([block], block === 1 ? undefined : block - 1));
      }
    };
    publish(1, 101);
    await until("it is known", () => overlap(router, worker, range(1, 101)) === 100);
    way.block();
    publish(101, 201);
    const consumer = async () => (await consumersOf(manager))[0];
    await until("it is under way", async () => (await consumer())?.num_ack_pending === 100);
    way.cut();
    await until("the router asks again", async () => ((await consumer())?.num_waiting ?? 0) > 0);
    publish(201, 301);
    await until("all is known", () => overlap(router, worker, range(1, 301)) === 300);
    expect(events.status().counts.unknownParents).toBe(0);
    const consumers = await consumersOf(manager);
    expect(consumers.map(({ name }) => name)).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/)]);
  });

  test("following ends although the server is frozen", async () => {
    const server = await jetStreamServer();
    const link = natsLink({ servers: server.url, environment: {} });
    onTestFinished(() => link.close());
    const [names, uuid, { logger }] = [jetStreamNames(GENERATE), randomUUID(), recordingLogger()];
    const consumer = new KvConsumer({
      link,
      names,
      uuid,
      logger,
      maxAgeMs: 60_000,
      onEvent: () => undefined,
    });
    await consumer.create();
    consumer.start();
    await consumer.settled();
    await server.kill("SIGSTOP");
    await consumer.close();
  });

  test("routers tell each other, and don't hear themselves", async () => {
    const server = await jetStreamServer();
    const world = worldOn(server);
    const worker = await world.worker();
    const one = await world.router([worker], { replicaSync: true });
    const other = await world.router([worker], { replicaSync: true });
    const prompt = one.router.prompt(range(0, 12));
    const { active } = one.router.route({ requestId: "a", prompt });
    await until("the other has it", () => other.router.active.size === 1);
    active.prefillCompleted();
    active.release();
    await until("it is over", () => other.router.active.size === 0);
    expect(one.router.active.size).toBe(0);
  });
});

describeWithNats("JetStream", () => {
  describeWithEtcd("with etcd", () => {
    test("routers are known there; consumers of those that are gone are deleted, and blocks of unknown workers", async () => {
      const server = await jetStreamServer();
      const { manager } = await bystander(server);
      const discovery = etcdDiscovery({ endpoints: (await etcdServer()).url, environment: {} });
      await until("etcd answers", () =>
        discovery.list({ type: "Endpoint" }).then(
          () => true,
          () => false,
        ),
      );
      const world = worldOn(server, discovery);
      const worker = await world.worker();
      const dead = randomUUID();
      const alive = randomUUID();
      await discovery.keys?.put(`v1/kv_routers/dynamo/backend/${alive}`, "{}");
      for (const name of [dead, alive, "somebody-else"]) {
        await manager.consumers.add(STREAM, { durable_name: name, ack_policy: "explicit" });
      }
      const router = await world.router([]);
      router.router.setWorker({ workerId: 1n });
      worker.events.publishKv(0, stored([1]));
      await until("a block of an unknown worker is there", () => router.router.events?.size === 1);
      expect(await discovery.keys?.list("v1/kv_routers/dynamo/backend/")).toHaveLength(2);
      await until("the dead one is deleted", async () => {
        const names = (await consumersOf(manager)).map(({ name }) => name);
        expect(names).toEqual(expect.arrayContaining([alive, "somebody-else"]));
        return !names.includes(dead);
      });
      await until("the block is gone", () => router.router.events?.size === 0);
      await router.close();
      expect(await discovery.keys?.list("v1/kv_routers/dynamo/backend/")).toHaveLength(1);
    });
  });
});
