/**
 * This library: manager, file discovery, response stream, on any of its planes and both ways of responding.
 */
import { discoveryFromEnv } from "@dynamo/discovery";
import { createNetworkManager, loadTransport } from "@dynamo/request-plane-core";
import type { NetworkManager, RequestPlaneMode } from "@dynamo/request-plane-core";
import type { NodeSubject } from "../subject.ts";
import type { BenchItem, BenchRequest } from "../workload.ts";

export const DYNAMO_ENDPOINT = "bench.worker.generate";

/** How responses come back: as the library chooses, or on connections of their own. */
type ResponsePlane = "auto" | "callhome";

const WAYS: Readonly<Record<ResponsePlane, string>> = {
  auto: "responses as it chooses",
  callhome: "responses on connections that the worker opens",
};

export const dynamoTcp = dynamo("tcp", "auto", { rival: "bare-mux" });
export const dynamoTcpCallHome = dynamo("tcp", "callhome", { rival: "call-home" });
export const dynamoNats = dynamo("nats", "auto", { rival: "bare-nats-inband", needs: "nats" });
export const dynamoNatsCallHome = dynamo("nats", "callhome", { rival: "bare-nats", needs: "nats" });
export const dynamoHttp = dynamo("http", "auto", { rival: "bare-http2-inband" });
export const dynamoHttpCallHome = dynamo("http", "callhome", { rival: "bare-http2" });

function dynamo(
  plane: RequestPlaneMode,
  responses: ResponsePlane,
  more: Pick<NodeSubject, "rival" | "needs">,
): NodeSubject {
  return {
    name: responses === "auto" ? `dynamo-${plane}` : `dynamo-${plane}-${responses}`,
    what: `this library on the ${plane.toUpperCase()} plane, ${WAYS[responses]}`,
    serverProgram: new URL("dynamo-server.ts", import.meta.url),
    serverArgs: [plane],
    env: { DYN_RESPONSE_PLANE: responses },
    ...more,

    async connect() {
      const manager = await createManager(plane);
      const client = manager.endpoint<BenchRequest, BenchItem>(DYNAMO_ENDPOINT).client();
      await client.waitForInstances();
      const call = async (request: BenchRequest): Promise<number> => {
        let next = 0;
        for await (const { index } of await client.roundRobin(request)) {
          if (index !== next++) throw new Error(`Item ${index} is out of order`);
        }
        return next;
      };
      const batches = async (request: BenchRequest): Promise<number> => {
        let next = 0;
        for await (const items of (await client.roundRobin(request)).batches()) {
          for (const { index } of items)
            if (index !== next++) throw new Error(`Item ${index} is out of order`);
        }
        return next;
      };
      const open = async (request: BenchRequest): Promise<() => void> => {
        const items = (await client.roundRobin(request))[Symbol.asyncIterator]();
        await items.next();
        return () => void items.return?.();
      };
      return { unary: call, stream: call, batches, open, close: () => closeManager(manager) };
    },
  };
}

export async function createManager(plane: RequestPlaneMode): Promise<NetworkManager> {
  const transport = await loadTransport(plane, (name) => import(name));
  return createNetworkManager({ transports: [transport], discovery: await discoveryFromEnv() });
}

/** What runs is not waited for: the bench has what it wants by then. */
export async function closeManager(manager: NetworkManager): Promise<void> {
  await manager.close({ drainMs: 0 });
  await manager.discovery.close();
}
