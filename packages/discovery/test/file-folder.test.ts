/** The folder as other programs leave it. */
import { mkdir, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { encodeRecord, fileDiscovery } from "../src/index.ts";
import { FILE_LAYOUTS } from "../src/file/layout.ts";
import { keyInBucket } from "../src/record-key.ts";
import { until } from "@dynamo/test-support";
import { recordingLogger } from "@dynamo/test-world";
import { closedAfterTest, ENDPOINTS, Follower, removeFolder, temporaryFolder } from "./helpers.ts";
import { endpoint } from "./records.ts";

const nameOf = (id: bigint): string => FILE_LAYOUTS["0.8"].nameOf(keyInBucket(endpoint(id)));

async function bucket(root: string): Promise<string> {
  const directory = join(root, "v1/instances");
  await mkdir(directory, { recursive: true });
  return directory;
}

test("files have the names and the text that Dynamo writes, and nothing else is left", async () => {
  const root = await temporaryFolder();
  const discovery = closedAfterTest(fileDiscovery({ root }));
  const id = 2618158913033610218n;
  await discovery.register(endpoint(id));
  const directory = join(root, "v1/instances");
  expect(await readdir(directory)).toEqual(["dynamo%2Fbackend%2Fgenerate%2F245591a8e8e423ea"]);
  expect(await readFile(join(directory, nameOf(id)), "utf8")).toBe(encodeRecord(endpoint(id)));
  await discovery.close();
  expect(await readdir(directory)).toEqual([]);
});

test("a watch outlives its directory, and registered records come back", async () => {
  const root = await temporaryFolder();
  const { logger, warnings } = recordingLogger();
  const discovery = closedAfterTest(fileDiscovery({ root, leaseMs: 1000, logger }));
  const follower = new Follower(discovery.watch(ENDPOINTS));
  await discovery.register(endpoint(1n));
  await until("it is seen", () => follower.known.size === 1);
  for (const removals of [1, 2, 3]) {
    await removeFolder(root);
    await until("it is lost", () => follower.kinds.filter((kind) => kind === "removed").length === removals);
    await until("it is back", () => follower.known.size === 1);
  }
  await discovery.register(endpoint(2n));
  await until("the new directory is followed", () => follower.known.size === 2);
  expect(warnings).toEqual([]);
});

test("files that are no records are reported once, when they have settled, and don't hide the others", async () => {
  const root = await temporaryFolder();
  const directory = await bucket(root);
  await writeFile(join(directory, "garbage"), "{not json");
  await writeFile(join(directory, "latin1"), Buffer.from([0x22, 0xff, 0x22]));
  await writeFile(join(directory, "huge"), Buffer.alloc(5 * 1024 * 1024));
  await writeFile(join(directory, nameOf(8n)), encodeRecord(endpoint(9n)));
  await mkdir(join(directory, "directory"));
  await symlink("nowhere", join(directory, "dangling"));
  await writeFile(join(directory, ".tmp_0123456789abcdef"), encodeRecord(endpoint(7n)));
  await writeFile(join(directory, nameOf(1n)), encodeRecord(endpoint(1n)));
  const { logger, warnings } = recordingLogger();
  const discovery = closedAfterTest(fileDiscovery({ root, leaseMs: 60_000, logger }));
  const follower = new Follower(discovery.watch(ENDPOINTS));
  await until("all are reported", () => warnings.length === 5);
  await writeFile(join(directory, nameOf(2n)), encodeRecord(endpoint(2n)));
  await until("the good ones are seen", () => follower.known.size === 2);
  expect((await discovery.list(ENDPOINTS)).map((record) => record.instance_id)).toEqual(
    expect.arrayContaining([1n, 2n]),
  );
  await sleep(2500);
  expect(warnings.map((text) => /'([^']*)'/.exec(text)?.[1]).sort()).toEqual(
    ["directory", nameOf(8n), "garbage", "huge", "latin1"].sort(),
  );
  expect(follower.kinds).toEqual(["added", "added"]);
});

test("a file that is written in two steps is added when it is whole, without a warning", async () => {
  const root = await temporaryFolder();
  const path = join(await bucket(root), nameOf(1n));
  const { logger, warnings } = recordingLogger();
  const discovery = closedAfterTest(fileDiscovery({ root, logger }));
  const follower = new Follower(discovery.watch(ENDPOINTS));
  for (const address of ["a", "b", "c"]) {
    const whole = encodeRecord(endpoint(1n, address));
    await writeFile(path, whole.slice(0, 40));
    await sleep(20);
    await writeFile(path, whole);
    await until("it is seen whole", () => {
      const event = follower.last(1n);
      return event && encodeRecord(event.record) === whole;
    });
  }
  expect(follower.kinds).toEqual(["added", "changed", "changed"]);
  expect(warnings).toEqual([]);
});

test("of two quick writes in place, of the same length, the last one is seen", async () => {
  const root = await temporaryFolder();
  const directory = await bucket(root);
  const discovery = closedAfterTest(fileDiscovery({ root, layout: "0.7" }));
  const follower = new Follower(discovery.watch(ENDPOINTS));
  const path = join(directory, "dynamo_backend_generate_1");
  for (let round = 0; round < 50; round++) {
    const last = encodeRecord(endpoint(1n, `b${round % 10}`));
    await writeFile(path, encodeRecord(endpoint(1n, `a${round % 10}`)));
    await writeFile(path, last);
    await until("the last is seen", () => {
      const event = follower.last(1n);
      return event && encodeRecord(event.record) === last;
    });
  }
  expect(follower.kinds.every((kind, index) => kind === (index === 0 ? "added" : "changed"))).toBe(true);
});

test("a record that nobody touches is gone when its lease is over, and back when it is touched", async () => {
  const root = await temporaryFolder();
  const path = join(await bucket(root), nameOf(1n));
  await writeFile(path, encodeRecord(endpoint(1n)));
  const discovery = closedAfterTest(fileDiscovery({ root, leaseMs: 800 }));
  const follower = new Follower(discovery.watch(ENDPOINTS));
  for (const round of [1, 2]) {
    await until("it is seen", () => follower.kinds.length === 2 * round - 1);
    expect(await discovery.list(ENDPOINTS)).toEqual([endpoint(1n)]);
    await until("it has expired", () => follower.kinds.length === 2 * round);
    expect(await discovery.list(ENDPOINTS)).toEqual([]);
    await utimes(path, new Date(), new Date());
  }
  expect(follower.kinds.slice(0, 4)).toEqual(["added", "removed", "added", "removed"]);
});

test("own records outlive many leases, also when their files are deleted", async () => {
  const root = await temporaryFolder();
  const discovery = closedAfterTest(fileDiscovery({ root, leaseMs: 300 }));
  const reader = closedAfterTest(fileDiscovery({ root, leaseMs: 2000 }));
  const registration = await discovery.register(endpoint(1n));
  const path = join(root, "v1/instances", nameOf(1n));
  const { mtimeMs } = await stat(path);
  await until("five leases are over", async () => (await stat(path)).mtimeMs > mtimeMs + 1500);
  const follower = new Follower(reader.watch(ENDPOINTS));
  await until("it is seen", () => follower.known.size === 1);
  await rm(path);
  await until("its loss is seen", () => follower.kinds.includes("removed"));
  await until("it is back", () => follower.known.size === 1);
  await registration.unregister();
  await until("it is gone", () => follower.known.size === 0);
  await sleep(600);
  expect(follower.kinds).toEqual(["added", "removed", "added", "removed"]);
});

test("files of the dead are deleted after twice the lease, those in use and directories are not", async () => {
  const root = await temporaryFolder();
  const directory = await bucket(root);
  const old = new Date(Date.now() - 3000);
  const recent = new Date(Date.now() - 1500);
  for (const name of ["dead", ".tmp_0000000000000000"]) {
    await writeFile(join(directory, name), "x");
    await utimes(join(directory, name), old, old);
  }
  await mkdir(join(directory, "folder"));
  await utimes(join(directory, "folder"), old, old);
  await writeFile(join(directory, "expired"), "x");
  await utimes(join(directory, "expired"), recent, recent);
  const reader = closedAfterTest(fileDiscovery({ root, leaseMs: 1000, logger: recordingLogger().logger }));
  const follower = new Follower(reader.watch(ENDPOINTS));
  const writer = closedAfterTest(fileDiscovery({ root, leaseMs: 1000 }));
  await writer.register(endpoint(1n));
  await until("it is seen", () => follower.known.size === 1);
  await until("the dead are swept", async () => !(await readdir(directory)).includes("dead"));
  expect((await readdir(directory)).sort()).toEqual([nameOf(1n), "expired", "folder"].sort());
  await until("the next is swept", async () => !(await readdir(directory)).includes("expired"));
  expect((await readdir(directory)).sort()).toEqual([nameOf(1n), "folder"].sort());
});

test("the layout 0.7 has plain names, no leases, and leaves old files alone", async () => {
  const root = await temporaryFolder();
  const discovery = closedAfterTest(fileDiscovery({ root, layout: "0.7", leaseMs: 300 }));
  await discovery.register(endpoint(26n));
  const path = join(root, "v1/instances/dynamo_backend_generate_1a");
  const old = new Date(Date.now() - 3_600_000);
  await utimes(path, old, old);
  const follower = new Follower(discovery.watch(ENDPOINTS));
  await until("it is seen", () => follower.known.size === 1);
  await sleep(1000);
  expect((await stat(path)).mtimeMs).toBe(old.getTime());
  expect(follower.kinds).toEqual(["added"]);
  await discovery.close();
  expect(await readdir(join(root, "v1/instances"))).toEqual([]);
});

test("the layouts don't see each other's files", async () => {
  const root = await temporaryFolder();
  const { logger } = recordingLogger();
  const old = closedAfterTest(fileDiscovery({ root, layout: "0.7", logger }));
  const young = closedAfterTest(fileDiscovery({ root, logger }));
  await old.register(endpoint(1n));
  await young.register(endpoint(2n));
  expect(await old.list(ENDPOINTS)).toEqual([endpoint(1n)]);
  expect(await young.list(ENDPOINTS)).toEqual([endpoint(2n)]);
});

test("a folder that can't be used is an error for those who write and list, and a wait for those who watch", async () => {
  const root = join(await temporaryFolder(), "root");
  await writeFile(root, "a file where the folder should be");
  const { logger, warnings } = recordingLogger();
  const discovery = closedAfterTest(fileDiscovery({ root, logger }));
  const invalid: unknown = expect.objectContaining({
    code: "invalid_configuration",
    message: expect.stringContaining(root) as unknown,
  });
  await expect(discovery.register(endpoint(1n))).rejects.toThrow(invalid);
  await expect(discovery.list(ENDPOINTS)).rejects.toThrow(invalid);
  const follower = new Follower(discovery.watch(ENDPOINTS));
  await until("the trouble is reported", () => warnings.length === 1);
  await rm(root);
  await discovery.register(endpoint(1n));
  await until("it is seen", () => follower.known.size === 1);
  expect(warnings).toHaveLength(1);
});

test("a key that makes too long a file name is refused", async () => {
  const discovery = closedAfterTest(fileDiscovery({ root: await temporaryFolder() }));
  await expect(discovery.register({ ...endpoint(1n), namespace: "-".repeat(90) })).rejects.toThrow(
    expect.objectContaining({
      code: "invalid_argument",
      facts: expect.objectContaining({ limit: 255 }) as unknown,
    }),
  );
});

test("taking a record away leaves the file of another process that has taken over the key", async () => {
  const root = await temporaryFolder();
  const first = closedAfterTest(fileDiscovery({ root }));
  const second = closedAfterTest(fileDiscovery({ root }));
  await first.register(endpoint(1n, "first"));
  await second.register(endpoint(1n, "second"));
  await first.close();
  expect(await second.list(ENDPOINTS)).toEqual([endpoint(1n, "second")]);
});

test("a file that breaks keeps its last record until its lease is over", async () => {
  const root = await temporaryFolder();
  const directory = await bucket(root);
  const path = join(directory, nameOf(1n));
  await writeFile(path, encodeRecord(endpoint(1n)));
  const { logger, warnings } = recordingLogger();
  const discovery = closedAfterTest(fileDiscovery({ root, leaseMs: 2000, logger }));
  const follower = new Follower(discovery.watch(ENDPOINTS));
  await until("it is seen", () => follower.known.size === 1);
  await writeFile(join(root, "broken"), "{");
  await rename(join(root, "broken"), path);
  await until("it is reported", () => warnings.length === 1);
  expect(follower.kinds).toEqual(["added"]);
  await until("it has expired", () => follower.known.size === 0);
  expect(follower.kinds).toEqual(["added", "removed"]);
});

test("unregistering rejects when the file can't be taken away, closing goes on with the others", async () => {
  const root = await temporaryFolder();
  const { logger, warnings } = recordingLogger();
  const discovery = closedAfterTest(fileDiscovery({ root, layout: "0.7", logger }));
  const registration = await discovery.register(endpoint(1n));
  await discovery.register(endpoint(2n));
  await discovery.register(endpoint(3n));
  const directory = join(root, "v1/instances");
  for (const id of [1, 2]) {
    await rm(join(directory, `dynamo_backend_generate_${id}`));
    await mkdir(join(directory, `dynamo_backend_generate_${id}`));
  }
  await expect(registration.unregister()).rejects.toThrow("DYN_FILE_KV");
  await registration.unregister();
  await discovery.close();
  expect(warnings).toHaveLength(1);
  expect((await readdir(directory)).sort()).toEqual([
    "dynamo_backend_generate_1",
    "dynamo_backend_generate_2",
  ]);
});
