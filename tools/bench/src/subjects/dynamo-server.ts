/**
 * `dynamo-server.ts <plane>`
 */
import { once } from "node:events";
import { parseRequestPlaneMode } from "@dynamo/request-plane-core";
import type { RequestContext } from "@dynamo/request-plane-core";
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

async function* generate({ items, hold }: BenchRequest, context: RequestContext): AsyncGenerator<BenchItem> {
  for (let index = 0; index < items; index++) yield itemAt(index);
  if (!hold) return;
  const { signal } = context;
  if (!signal.aborted) await once(signal, "abort");
}
