/** Several processes on one folder, some of which die or sleep. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Worker } from "node:worker_threads";
import { expect, onTestFinished, test } from "vitest";
import { decodeRecord, fileDiscovery } from "../src/index.ts";
import { until } from "@dynamo/test-support";
import { closedAfterTest, ENDPOINTS, Follower, removeFolder, temporaryFolder } from "./helpers.ts";
import { endpoint } from "./records.ts";

const LEASE_MS = 1200;

function start(program: string, ...args: string[]): ChildProcess {
  const path = join(import.meta.dirname, "processes", program);
  const child = spawn(process.execPath, [path, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

async function startWorker(root: string, id: bigint): Promise<ChildProcess> {
  const child = start("worker.ts", root, String(LEASE_MS), String(id));
  await once(child.stdout!, "data");
  return child;
}

test("two processes share a folder; one that is killed is gone within its lease, one that closes at once", async () => {
  const root = await temporaryFolder();
  const discovery = closedAfterTest(fileDiscovery({ root, leaseMs: LEASE_MS }));
  const follower = new Follower(discovery.watch(ENDPOINTS));
  await discovery.register(endpoint(1n));
  const [killed, closing] = await Promise.all([startWorker(root, 2n), startWorker(root, 3n)]);
  await until("all are seen", () => follower.known.size === 3);

  killed.kill("SIGKILL");
  const killedAt = Date.now();
  await until("the killed one is removed", () => follower.last(2n)?.kind === "removed");
  expect(Date.now() - killedAt).toBeGreaterThan(LEASE_MS / 2);
  expect((await discovery.list(ENDPOINTS)).map((record) => record.instance_id).sort()).toEqual([1n, 3n]);

  closing.kill("SIGTERM");
  await until("the closing one is removed", () => follower.last(3n)?.kind === "removed");
  expect(await readdir(join(root, "v1/instances"))).not.toContain("dynamo%2Fbackend%2Fgenerate%2F3");
  expect([...follower.known.values()]).toEqual([endpoint(1n)]);
});

test.each(["kept", "deleted"])(
  "a process that slept longer than its lease comes back; its file was %s",
  async (file) => {
    const root = await temporaryFolder();
    const discovery = closedAfterTest(fileDiscovery({ root, leaseMs: LEASE_MS }));
    const follower = new Follower(discovery.watch(ENDPOINTS));
    const worker = await startWorker(root, 2n);
    await until("it is seen", () => follower.known.size === 1);
    worker.kill("SIGSTOP");
    await until("it is removed", () => follower.known.size === 0);
    if (file === "deleted") await removeFolder(join(root, "v1/instances"));
    worker.kill("SIGCONT");
    await until("it is back", () => follower.known.size === 1);
    expect(follower.kinds).toEqual(["added", "removed", "added"]);
  },
);

test("a reader never sees part of a record while a writer rewrites it 2,000 times", async () => {
  const root = await temporaryFolder();
  const discovery = closedAfterTest(fileDiscovery({ root }));
  const padding = (round: number): string => "x".repeat((round * 7919) % 30_000);
  await discovery.register({ ...endpoint(1n), round: 0, padding: padding(0) });
  const path = join(root, "v1/instances/dynamo%2Fbackend%2Fgenerate%2F1");
  const reader = new Worker(new URL("processes/reader.ts", import.meta.url), { workerData: path });
  onTestFinished(async () => {
    await reader.terminate();
  });
  await once(reader, "message");
  for (let round = 1; round <= 2000; round++) {
    await discovery.register({ ...endpoint(1n), round, padding: padding(round) });
  }
  reader.postMessage("stop");
  const [{ reads, values, faults }] = (await once(reader, "message")) as [
    { reads: number; values: number; faults: string[] },
  ];
  expect(faults).toEqual([]);
  expect(reads).toBeGreaterThan(100);
  expect(values).toBeGreaterThan(10);
  expect(decodeRecord(await readFile(path, "utf8"))["round"]).toBe(2000);
});

test("after closing, no timer, no watcher and no open file is left, and the process ends", async () => {
  const child = start("resources.ts", await temporaryFolder());
  const [output, exit] = await Promise.all([text(child.stdout!), once(child, "exit")]);
  const [during, after] = output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Report);
  expect(exit).toEqual([0, null]);
  // Two watched buckets with a watcher and a timer each, and the timer that touches.
  const expected = ["FSEVENTWRAP", "FSEVENTWRAP", "Timeout", "Timeout", "Timeout"];
  expect(during).toMatchObject({ resources: expected });
  expect(after).toEqual({ resources: [], openFiles: 0 });
});

interface Report {
  resources: string[];
  openFiles: number;
}
