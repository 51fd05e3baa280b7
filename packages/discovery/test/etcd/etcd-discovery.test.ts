/** The etcd backend on a real etcd, which dies, forgets and comes back. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Discovery } from "@dynamo/request-plane-core";
import { describeWithEtcd, etcdServer } from "@dynamo/etcd-server/vitest";
import { expect, onTestFinished, test } from "vitest";
import { etcdDiscovery } from "../../src/etcd/index.ts";
import { recordKey } from "../../src/index.ts";
import { until } from "@dynamo/test-support";
import { recordingLogger, succeeds } from "@dynamo/test-world";
import { closedAfterTest, ENDPOINTS, Follower } from "../helpers.ts";
import { endpoint } from "../records.ts";
import { Relay } from "./relay.ts";

/** Short enough to wait for, and longer than machines stand still. */
const LEASE_MS = 5_000;

function open(endpoints: string, logger = recordingLogger().logger): Discovery {
  return closedAfterTest(etcdDiscovery({ endpoints, leaseTtlMs: LEASE_MS, environment: {}, logger }));
}

async function startWorker(url: string, id: bigint): Promise<ChildProcess> {
  const path = join(import.meta.dirname, "worker.ts");
  const child = spawn(process.execPath, [path, url, String(id), String(LEASE_MS)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
}

describeWithEtcd("etcd", () => {
  test("keys and values are Dynamo's, under a lease", async () => {
    const server = await etcdServer();
    await open(server.url).register(endpoint(0x1a2bn));
    const key = Buffer.from("v1/instances/dynamo/backend/generate/1a2b").toString("base64");
    const { kvs } = (await server.admin("kv/range", { key })) as { kvs: Record<string, string>[] };
    expect(Buffer.from(kvs[0]!["value"]!, "base64").toString()).toBe(
      '{"type":"Endpoint","component":"backend","endpoint":"generate","namespace":"dynamo",' +
        '"instance_id":6699,"transport":{"tcp":"127.0.0.1:9999/generate"}}',
    );
    const lease = await server.admin("lease/timetolive", { ID: kvs[0]!["lease"] });
    expect(lease["grantedTTL"]).toBe("5");
  });

  test("a killed process is gone with its lease, one that closes is gone at once and ends", async () => {
    const server = await etcdServer();
    const follower = new Follower(open(server.url).watch(ENDPOINTS));
    const [killed, closing] = await Promise.all([startWorker(server.url, 2n), startWorker(server.url, 3n)]);
    await until("both are seen", () => follower.known.size === 2);
    await sleep(1.2 * LEASE_MS);
    expect(follower.known.size).toBe(2);
    killed.kill("SIGKILL");
    closing.kill("SIGTERM");
    expect(await once(closing, "exit")).toEqual([0, null]);
    await until("the closing one is removed", () => follower.last(3n)?.kind === "removed");
    await until("the killed one is removed", () => follower.last(2n)?.kind === "removed");
  });

  test("while etcd is away for longer than a lease nothing is dropped, and all goes on when it is back", async () => {
    const server = await etcdServer();
    const discovery = open(server.url);
    const follower = new Follower(open(server.url).watch(ENDPOINTS));
    await discovery.register(endpoint(1n));
    await until("it is seen", () => follower.known.size === 1);
    for (const awayMs of [0, 0, 1.2 * LEASE_MS]) {
      await server.kill();
      await sleep(awayMs);
      expect(follower.known.size).toBe(1);
      await server.start();
      await sleep(awayMs);
      await until("it can be asked", () => succeeds(discovery.list(ENDPOINTS)));
      expect(await discovery.list(ENDPOINTS)).toEqual([endpoint(1n)]);
    }
    await discovery.register(endpoint(2n));
    await until("a new one is seen", () => follower.known.size === 2);
    expect(follower.kinds).toEqual(["added", "added"]);
  });

  test("an etcd that comes back without its data gets the records again, and watches lose none", async () => {
    const server = await etcdServer();
    const living = open(server.url);
    const follower = new Follower(open(server.url).watch(ENDPOINTS));
    await living.register(endpoint(1n));
    const dying = await startWorker(server.url, 2n);
    await until("both are seen", () => follower.known.size === 2);
    await server.kill();
    dying.kill("SIGKILL");
    await server.wipe();
    await server.start();
    await until("the dead one is given up", () => follower.known.size === 1);
    expect(await living.list(ENDPOINTS)).toEqual([endpoint(1n)]);
    expect(follower.kinds).toEqual(["added", "added", "removed"]);
  });

  test("a lease that is revoked is replaced, and its records are written again", async () => {
    const server = await etcdServer();
    const { logger, warnings } = recordingLogger();
    const discovery = open(server.url, logger);
    await discovery.register(endpoint(1n));
    const { leases } = (await server.admin("lease/leases", {})) as { leases: object[] };
    await server.admin("lease/revoke", leases[0]!);
    expect(await discovery.list(ENDPOINTS)).toEqual([]);
    await discovery.register(endpoint(2n));
    expect(new Set(await discovery.list(ENDPOINTS))).toEqual(new Set([endpoint(1n), endpoint(2n)]));
    expect(warnings).toEqual([expect.stringContaining("lease at etcd was lost")]);
  });

  test("after an interruption a watch goes on with what it missed", async () => {
    const server = await etcdServer();
    const relay = await Relay.to(server.port);
    const discovery = open(server.url);
    const follower = new Follower(open(relay.url).watch(ENDPOINTS));
    const first = await discovery.register(endpoint(1n));
    await until("it is seen", () => follower.known.size === 1);
    relay.cut();
    await first.unregister();
    await discovery.register(endpoint(2n));
    relay.mend();
    await until("the changes are seen", () => follower.last(2n) && follower.last(1n)?.kind === "removed");
    expect(follower.kinds).toEqual(["added", "removed", "added"]);
  });

  test("what was compacted meanwhile is read anew", async () => {
    const server = await etcdServer();
    const relay = await Relay.to(server.port);
    const discovery = open(server.url);
    const follower = new Follower(open(relay.url).watch(ENDPOINTS));
    const first = await discovery.register(endpoint(1n));
    await until("it is seen", () => follower.known.size === 1);
    relay.cut();
    await first.unregister();
    await discovery.register(endpoint(2n));
    const { header } = (await server.admin("kv/range", { key: "eA==" })) as { header: { revision: string } };
    await server.admin("kv/compaction", { revision: header.revision, physical: true });
    relay.mend();
    await until("the difference is seen", () => follower.last(2n) && follower.last(1n)?.kind === "removed");
    expect([...follower.known.values()]).toEqual([endpoint(2n)]);
  });

  test("another member is asked when one is away", async () => {
    const server = await etcdServer();
    const dead = await Relay.to(1);
    dead.cut();
    const discovery = open(`${dead.url},${server.url}`);
    const follower = new Follower(discovery.watch(ENDPOINTS));
    await discovery.register(endpoint(1n));
    await until("it is seen", () => follower.known.size === 1);
  });

  test("a value that is no record, or stands under another key, is reported once and ignored", async () => {
    const server = await etcdServer();
    const { logger, warnings } = recordingLogger();
    const discovery = open(server.url, logger);
    const put = (key: string, value: string): Promise<unknown> =>
      server.admin("kv/put", {
        key: Buffer.from(key).toString("base64"),
        value: Buffer.from(value).toString("base64"),
      });
    await put("v1/instances/dynamo/backend/generate/1", "{");
    await put("v1/instances/dynamo/backend/generate/2", JSON.stringify({ type: "Endpoint" }));
    const follower = new Follower(discovery.watch(ENDPOINTS));
    await discovery.register(endpoint(3n));
    await until("the good one is seen", () => follower.known.size === 1);
    expect([...follower.known.keys()]).toEqual([recordKey(endpoint(3n))]);
    expect(warnings.sort()).toEqual([
      expect.stringMatching("generate/1 in etcd is ignored: Not a discovery record: the text is not JSON"),
      expect.stringMatching("generate/2 in etcd is ignored: Not a discovery record"),
    ]);
  });

  test("2,000 records come page by page", async () => {
    const server = await etcdServer();
    const discovery = open(server.url);
    for (let id = 0; id < 2000; id += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, n) => discovery.register(endpoint(BigInt(id + n)))));
    }
    expect(new Set((await discovery.list(ENDPOINTS)).map((record) => record.instance_id)).size).toBe(2000);
    const follower = new Follower(open(server.url).watch(ENDPOINTS));
    await until("all are seen", () => follower.known.size === 2000);
  });

  test("closing leaves no connection, also while etcd is away", async () => {
    const server = await etcdServer();
    const relay = await Relay.to(server.port);
    const closing = open(relay.url);
    const follower = new Follower(closing.watch(ENDPOINTS));
    await closing.register(endpoint(1n));
    await until("it is seen", () => follower.known.size === 1);
    expect(relay.size).toBeGreaterThan(0);
    await closing.close();
    await follower.ended;
    await until("the connections are gone", () => relay.size === 0);
    expect(await open(server.url).list(ENDPOINTS)).toEqual([]);

    const { logger, warnings } = recordingLogger();
    const lonely = open(relay.url, logger);
    await lonely.register(endpoint(2n));
    relay.cut();
    await lonely.close();
    expect(warnings).toContainEqual(expect.stringContaining("etcd could not be told of the end"));
  });
});

describeWithEtcd("plain keys in etcd", () => {
  test("are seen by others, and go with their process", async () => {
    const server = await etcdServer();
    const one = closedAfterTest(etcdDiscovery({ endpoints: server.url, environment: {} }));
    const other = closedAfterTest(etcdDiscovery({ endpoints: server.url, environment: {} }));
    const removed = await one.keys?.put("v1/kv_routers/dynamo/backend/a", "{}");
    await one.keys?.put("v1/kv_routers/dynamo/backend/b", "{}");
    await one.keys?.put("v1/kv_routers/dynamo/other/c", "{}");
    const below = () => other.keys?.list("v1/kv_routers/dynamo/backend/");
    expect(await below()).toEqual(["v1/kv_routers/dynamo/backend/a", "v1/kv_routers/dynamo/backend/b"]);
    await removed?.remove();
    expect(await below()).toEqual(["v1/kv_routers/dynamo/backend/b"]);
    await one.close();
    expect(await below()).toEqual([]);
  });
});
