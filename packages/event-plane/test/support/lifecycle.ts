/**
 * A program that opens all there is, uses it and closes it, and must then end by itself:
 * `lifecycle.ts <zmq, nats or jetstream> <address of NATS>`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { memoryDiscovery } from "@dynamo/discovery";
import { KvRouter } from "@dynamo/kv-router";
import { createNetworkManager } from "@dynamo/request-plane-core";
import { tcp } from "@dynamo/request-plane-tcp";
import { LOOPBACK } from "@dynamo/test-support/loopback";
import { eventPlaneFromEnv } from "../../src/index.ts";

const [, , mode = "", servers = ""] = process.argv;
const environment = { ...LOOPBACK, NATS_SERVER: servers };
const discovery = memoryDiscovery();
const manager = createNetworkManager({ transports: [tcp({ environment })], discovery, environment });
const name = { namespace: "dynamo", component: "backend", endpoint: "generate" };
const { instance } = await manager.endpoint(name).serve(() => []);
const plane = await eventPlaneFromEnv({ manager, mode, environment });
const router = new KvRouter({ blockSize: 4 });
router.setWorker({ workerId: instance.instance_id });
const events = await plane.router(name, router, { replicaSync: true });
const worker = await plane.worker(instance);
const hash = BigUint64Array.of(1n);
worker.publishKv(0, { kind: "stored", blockHashes: hash, tokensHashes: hash });
worker.reportLoad({ dpRank: 0, kvUsedBlocks: 1 });
worker.prefillCompleted("a", 0);
for (let wait = 0; router.events?.size !== 1; wait++) {
  if (wait > 2_000) throw new Error("The event didn't arrive");
  await sleep(10);
}
await events.settled();
await plane.close();
await plane.close();
await manager.close();
const left = Object.entries(manager.health()).filter(([key, value]) => key !== "planes" && value !== 0);
if (left.length > 0) throw new Error(`Left: ${JSON.stringify(left)}`);
await discovery.close();
