/**
 * `dynamo-server.ts <plane>`
 */
import { parseRequestPlaneMode } from "@dynamo/request-plane-core";
import { runServer } from "../program.ts";
import { itemAt } from "../workload.ts";
import type { BenchItem, BenchRequest } from "../workload.ts";
import { closeManager, createManager, DYNAMO_ENDPOINT } from "./dynamo.ts";

const plane = parseRequestPlaneMode(process.argv[2] ?? "");

runServer(async () => {
  const manager = await createManager(plane);
  const { instance } = await manager.endpoint<BenchRequest, BenchItem>(DYNAMO_ENDPOINT).serve(generate);
  const [address = ""] = Object.values(instance.transport);
  return { address, close: () => closeManager(manager) };
});

async function* generate({ items }: BenchRequest): AsyncGenerator<BenchItem> {
  for (let index = 0; index < items; index++) yield itemAt(index);
}
