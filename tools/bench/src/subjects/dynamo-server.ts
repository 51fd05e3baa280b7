/**
 * `dynamo-server.ts <plane>`
 */
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
  { items, ready, hold }: BenchRequest,
  context: RequestContext,
): Iterable<BenchItem> | AsyncIterable<BenchItem> {
  if (ready) return readyItems(items);
  return hold ? heldItems(items, context.signal) : itemsOf(items);
}

function* readyItems(count: number): Generator<BenchItem> {
  for (let index = 0; index < count; index++) yield itemAt(index);
}

async function* itemsOf(count: number): AsyncGenerator<BenchItem> {
  for (let index = 0; index < count; index++) yield itemAt(index);
}

async function* heldItems(count: number, signal: AbortSignal): AsyncGenerator<BenchItem> {
  yield* readyItems(count);
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
}
