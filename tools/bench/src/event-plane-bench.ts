/**
 * How many KV events a second go from a worker in one process to the index of a router in another, over each event
 * plane, and how long one event alone takes. Prints one line for each figure.
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileDiscovery } from "@dynamo/discovery";
import { eventPlaneFromEnv, parseEventPlaneMode } from "@dynamo/event-plane";
import type { EventPlane, WorkerEvents } from "@dynamo/event-plane";
import { KvRouter } from "@dynamo/kv-router";
import { startNatsServer } from "@dynamo/nats-server";
import { createNetworkManager } from "@dynamo/request-plane-core";
import type { NetworkManager } from "@dynamo/request-plane-core";
import { tcp } from "@dynamo/request-plane-tcp";
import { LOOPBACK } from "@dynamo/test-support/loopback";
import { percentile } from "./statistics.ts";

const EVENTS = 60_000;
const ALONE = 300;
/** Events that a worker tells in one turn, as an engine does after a step. */
const STEP = 100;
const NAME = { namespace: "dynamo", component: "backend", endpoint: "generate" };

const [, , mode, root = "", natsUrl = ""] = process.argv;
if (mode === undefined) await measureAll();
else await tell(parseEventPlaneMode(mode));

async function measureAll(): Promise<void> {
  await using folder = await mkdtempDisposable(join(tmpdir(), "dynamo-bench-"));
  await using nats = await startNatsServer({
    lines: [`jetstream { store_dir: ${JSON.stringify(join(folder.path, "jetstream"))} }`],
  });
  for (const plane of ["zmq", "nats", "jetstream"]) await measure(plane, folder.path, nats.url);
}

async function measure(plane: string, folder: string, url: string): Promise<void> {
  const discoveryRoot = join(folder, plane);
  const { manager, events } = await open(plane, discoveryRoot, url);
  const worker = fork(new URL(import.meta.url), [plane, discoveryRoot, url]);
  const [id] = (await once(worker, "message")) as [string];
  const router = new KvRouter({ blockSize: 16 });
  router.setWorker({ workerId: BigInt(id) });
  const following = await events.router(NAME, router);
  const applied = (): number => following.status().counts.applied;

  const times: number[] = [];
  while (following.status().sources === 0) await sleep(10);
  await following.settled();
  await sleep(500);
  for (let one = 0; one < ALONE; one++) times.push(await timed(worker, "one", applied, 1));
  print(`${plane}: one event alone, p50`, `${(percentile(times, 50) * 1_000).toFixed(0)} us`);

  const took = await timed(worker, "many", applied, EVENTS);
  print(`${plane}: events`, `${Math.round((EVENTS / took) * 1_000).toLocaleString("en")}/s`);
  const { gaps, recoveries } = following.status().counts;
  print(`${plane}: gaps and recoveries meanwhile`, `${gaps} and ${recoveries}`);
  worker.kill("SIGKILL");
  await events.close();
  await manager.close();
}

/** Milliseconds from the word to the worker until the router has that many events more. */
async function timed(
  worker: ChildProcess,
  word: string,
  applied: () => number,
  count: number,
): Promise<number> {
  const goal = applied() + count;
  const start = performance.now();
  worker.send(word);
  while (applied() < goal) await new Promise((resolve) => setImmediate(resolve));
  return performance.now() - start;
}

/** The worker: tells what it is told to tell. */
async function tell(plane: string): Promise<void> {
  const { manager, events } = await open(plane, root, natsUrl);
  const { instance } = await manager.endpoint(NAME).serve(() => []);
  const worker = await events.worker(instance);
  const names = BigUint64Array.from({ length: EVENTS }, (_, at) => BigInt(at + 1) << 20n);
  let next = 0;
  process.on("message", (word) => {
    if (word === "one") next = publish(worker, names, next, 1);
    else void tellMany(worker, names);
  });
  process.send?.(String(instance.instance_id));
}

async function tellMany(worker: WorkerEvents, names: BigUint64Array): Promise<void> {
  for (let at = 0; at < EVENTS; at += STEP) {
    publish(worker, names, at, STEP);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Single blocks that are stored, as while tokens are generated. */
function publish(worker: WorkerEvents, names: BigUint64Array, from: number, count: number): number {
  for (let at = from; at < from + count; at++) {
    const block = names.subarray(at, at + 1);
    worker.publishKv(0, { kind: "stored", blockHashes: block, tokensHashes: block });
  }
  return from + count;
}

async function open(
  plane: string,
  discoveryRoot: string,
  url: string,
): Promise<{ manager: NetworkManager; events: EventPlane }> {
  const environment = { ...LOOPBACK, NATS_SERVER: url };
  const discovery = fileDiscovery({ root: discoveryRoot });
  const manager = createNetworkManager({ transports: [tcp({ environment })], discovery, environment });
  return { manager, events: await eventPlaneFromEnv({ manager, mode: plane, environment }) };
}

function print(what: string, value: string): void {
  process.stdout.write(`${what.padEnd(48)} ${value}\n`);
}
