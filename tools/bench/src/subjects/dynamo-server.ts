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

function generate(
  request: BenchRequest,
  { signal }: RequestContext,
): Iterable<BenchItem> | AsyncIterable<BenchItem> {
  return request.ready ? readyItems(request) : items(request, signal);
}

function* readyItems({ items }: BenchRequest): Generator<BenchItem> {
  for (let index = 0; index < items; index++) yield itemAt(index);
}

async function* items({ items, hold }: BenchRequest, signal: AbortSignal): AsyncGenerator<BenchItem> {
  for (let index = 0; index < items; index++) yield itemAt(index);
  if (hold && !signal.aborted) await once(signal, "abort");
}
