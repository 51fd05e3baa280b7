/** Workers that do what each request asks for. */
import { createNetworkManager, stringifyJson } from "@dynamo/request-plane-core";
import type { RequestContext, ServeOptions, Transport } from "@dynamo/request-plane-core";
import { LocalDiscovery } from "./local-discovery.ts";
import { NAME } from "./world.ts";
import type { TransportWorld, Worker, WorldSetup } from "./world.ts";

/** So many items, and then the end. */
export interface Order {
  readonly items?: number;
  /** So many letters are an item. Without it, its number is. */
  readonly pad?: number;
  /** Waits after the items until the caller wants no more. */
  readonly hold?: boolean;
}

export interface OrderedWorker extends Worker {
  /** Items of all orders. */
  readonly produced: number;
  /** Orders whose caller wanted no more. */
  readonly aborted: number;
}

export async function orderedWorker<Setup extends WorldSetup>(
  world: TransportWorld<Setup>,
  setup: Partial<Setup> & ServeOptions,
): Promise<OrderedWorker> {
  const counts = { produced: 0, aborted: 0 };
  const worker = await world.worker<Order, unknown>(async function* (order, context) {
    for (const item of itemsOf(order)) {
      counts.produced += 1;
      yield item;
      if (context.signal.aborted) break;
    }
    if (order.hold) await aborted(context);
    if (context.signal.aborted) counts.aborted += 1;
  }, setup);
  return Object.assign(counts, worker);
}

/** The program of a worker process. Prints its instance record as one line, then `yielded` after each request's items. */
export async function serveOrders(transport: Transport): Promise<void> {
  const discovery = new LocalDiscovery();
  const manager = createNetworkManager({ transports: [transport], discovery, environment: {} });
  const { instance } = await manager.endpoint<Order>(NAME).serve(async function* (order, context) {
    yield* itemsOf(order);
    process.stdout.write("yielded\n");
    if (order.hold) await aborted(context);
  });
  process.stdout.write(`${stringifyJson({ type: "Endpoint", ...instance })}\n`);
}

function* itemsOf({ items = 0, pad = 0 }: Order): Generator {
  for (let i = 0; i < items; i += 1) yield pad > 0 ? "x".repeat(pad) : i;
}

async function aborted({ signal }: RequestContext): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
}
