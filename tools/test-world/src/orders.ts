import { createNetworkManager, stringifyJson } from "@dynamo/request-plane-core";
import type { RequestContext, Transport } from "@dynamo/request-plane-core";
import { LocalDiscovery } from "./local-discovery.ts";
import { NAME } from "./world.ts";

/** What a worker process is asked for: so many items, and then to end or to wait for its caller. */
export interface Order {
  readonly items: number;
  readonly then: "wait" | "end";
}

/** The program of a worker process. Prints its instance record as one line, then `yielded` after each request's items. */
export async function serveOrders(transport: Transport): Promise<void> {
  const discovery = new LocalDiscovery();
  const manager = createNetworkManager({ transports: [transport], discovery, environment: {} });
  const { instance } = await manager.endpoint<Order, number>(NAME).serve(answer);
  process.stdout.write(`${stringifyJson({ type: "Endpoint", ...instance })}\n`);
}

async function* answer({ items, then }: Order, { signal }: RequestContext): AsyncGenerator<number> {
  for (let i = 0; i < items; i += 1) yield i;
  process.stdout.write("yielded\n");
  if (then === "wait") await new Promise((resolve) => signal.addEventListener("abort", resolve));
}
