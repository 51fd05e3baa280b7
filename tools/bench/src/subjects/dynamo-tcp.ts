/**
 * This library: manager, file discovery, TCP plane, call-home, response stream.
 */
import { discoveryFromEnv } from "@dynamo/discovery";
import { createNetworkManager } from "@dynamo/request-plane-core";
import { tcp } from "@dynamo/request-plane-tcp";
import type { Subject } from "../subject.ts";
import type { BenchItem, BenchRequest } from "../workload.ts";

export const DYNAMO_ENDPOINT = "bench.worker.generate";

export const dynamoTcp: Subject = {
  name: "dynamo-tcp",
  what: "this library on the TCP plane, with file discovery",
  serverProgram: new URL("dynamo-tcp-server.ts", import.meta.url),

  async connect() {
    const discovery = discoveryFromEnv();
    const manager = createNetworkManager({ transports: [tcp()], discovery });
    const client = manager.endpoint<BenchRequest, BenchItem>(DYNAMO_ENDPOINT).client();
    await client.waitForInstances();
    const call = async (request: BenchRequest): Promise<number> => {
      let next = 0;
      for await (const { index } of await client.roundRobin(request)) {
        if (index !== next++) throw new Error(`Item ${index} is out of order`);
      }
      return next;
    };
    return {
      unary: call,
      stream: call,
      async close() {
        await manager.close();
        await discovery.close();
      },
    };
  },
};
