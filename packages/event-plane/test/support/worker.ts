/** A worker as a process of its own: `worker.ts <discovery folder> <lease> <zmq, or the address of NATS>`. */
import { fileDiscovery } from "@dynamo/discovery";
import { createNetworkManager } from "@dynamo/request-plane-core";
import { tcp } from "@dynamo/request-plane-tcp";
import { eventPlane } from "../../src/index.ts";
import { LOOPBACK } from "@dynamo/test-support/loopback";
import { natsEvents } from "../../src/nats/index.ts";
import { zmqEvents } from "../../src/zmq/index.ts";

const [, , root = "", leaseMs = "", servers = ""] = process.argv;
const discovery = fileDiscovery({ root, leaseMs: Number(leaseMs) });
const manager = createNetworkManager({
  transports: [tcp({ environment: LOOPBACK })],
  discovery,
  environment: LOOPBACK,
});
const transport =
  servers === "zmq"
    ? zmqEvents({ host: "127.0.0.1", environment: {} })
    : natsEvents({ servers, environment: {} });
const { instance } = await manager
  .endpoint({ namespace: "dynamo", component: "backend", endpoint: "generate" })
  .serve(() => []);
const events = await eventPlane({ manager, transport }).worker(instance);
process.send?.(String(instance.instance_id));

let last = 0n;
setInterval(() => {
  const hash = BigUint64Array.of(last + 1n);
  const parent = last === 0n ? {} : { parentHash: last };
  events.publishKv(0, { kind: "stored", ...parent, blockHashes: hash, tokensHashes: hash });
  last += 1n;
}, 5);
