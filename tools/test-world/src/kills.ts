/** What a caller sees when the process of its worker is killed: the same on every plane. */
import assert from "node:assert/strict";
import { until } from "@dynamo/test-support";
import type { Order } from "./orders.ts";
import { collect, failureOf, settled } from "./outcomes.ts";
import { WorkerProcess } from "./worker-process.ts";
import type { Caller, TransportWorld, WorldSetup } from "./world.ts";

/** A worker process, and a caller that has had an answer from it. */
export async function calledProcess<Setup extends WorldSetup>(
  world: TransportWorld<Setup>,
  program: URL,
  args: readonly string[],
  setup: Partial<Setup>,
): Promise<Caller<Order, number> & { worker: WorkerProcess }> {
  const worker = await WorkerProcess.start(world, program, args);
  const caller = await world.client<Order, number>(setup);
  assert.deepEqual(await collect(caller.client.roundRobin({ items: 2 })), [0, 1]);
  return { worker, ...caller };
}

/** In the middle of a response: what came is delivered, then `disconnected`. */
export async function killInTheMiddle(
  { client, manager }: Caller<Order, number>,
  worker: WorkerProcess,
): Promise<void> {
  const items: number[] = [];
  const reading = (async () => {
    for await (const item of await client.roundRobin({ items: 5, hold: true })) {
      if (items.push(item) === 5) worker.signal("SIGKILL");
    }
  })();
  assert.equal((await failureOf(reading)).code, "disconnected");
  assert.deepEqual(items, [0, 1, 2, 3, 4]);
  await settled(manager);
}

/** One of two: the other one serves every call, without an error. */
export async function killOneOfTwo({ client }: Caller<Order, number>, worker: WorkerProcess): Promise<void> {
  await until("both are known", () => client.instances().length === 2);
  worker.signal("SIGKILL");
  for (let i = 0; i < 20; i += 1) {
    assert.deepEqual(await collect(client.roundRobin({ items: 1 })), [0]);
  }
}
