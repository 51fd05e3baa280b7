import { discoveryFromEnv } from "@dynamo/discovery";
import { createNetworkManager, parseSocketAddress } from "@dynamo/request-plane-core";
import { tcp } from "@dynamo/request-plane-tcp";
import { runServer } from "../program.ts";
import { itemAt } from "../workload.ts";
import type { BenchItem, BenchRequest } from "../workload.ts";
import { DYNAMO_ENDPOINT } from "./dynamo-tcp.ts";

runServer(async () => {
  const discovery = discoveryFromEnv();
  const manager = createNetworkManager({ transports: [tcp()], discovery });
  const { instance } = await manager.endpoint<BenchRequest, BenchItem>(DYNAMO_ENDPOINT).serve(generate);
  const [authority = ""] = (instance.transport["tcp"] ?? "").split("/");
  return {
    port: parseSocketAddress(authority).port,
    async close() {
      await manager.close({ drainMs: 0 });
      await discovery.close();
    },
  };
});

async function* generate({ items }: BenchRequest): AsyncGenerator<BenchItem> {
  for (let index = 0; index < items; index++) yield itemAt(index);
}
