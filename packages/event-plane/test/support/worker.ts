/** A worker as a process of its own: `worker.ts <discovery folder> <lease> <zmq, or the address of NATS>`. */
import { fileDiscovery } from "@dynamo/discovery";
import { createNetworkManager } from "@dynamo/request-plane-core";
import { tcp } from "@dynamo/request-plane-tcp";
import { eventPlane } from "../../src/index.ts";
import { natsEvents } from "../../src/nats/index.ts";
import { zmqEvents } from "../../src/zmq/index.ts";

const [, , root = "", leaseMs = "", servers = ""] = process.argv;
const environment = {
  DYN_TCP_RPC_HOST: "127.0.0.1",
  DYN_TCP_RPC_PORT: "0",
  DYN_TCP_RESPONSE_STREAM_HOST: "127.0.0.1",
};
const discovery = fileDiscovery({ root, leaseMs: Number(leaseMs) });
const manager = createNetworkManager({ transports: [tcp({ environment })], discovery, environment });
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
