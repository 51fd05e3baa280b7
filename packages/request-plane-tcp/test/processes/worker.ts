/**
 * A worker in a process of its own. Prints the address it serves on as one line, then what its handler does.
 * The request says what happens: `{"items": n, "then": "wait" | "end"}`.
 */
import { createNetworkManager } from "@dynamo/request-plane-core";
import type { RequestContext } from "@dynamo/request-plane-core";
import { tcp } from "../../src/index.ts";
import { LocalDiscovery } from "@dynamo/test-world";
import { addressOf, NAME } from "@dynamo/test-world";

interface Order {
  readonly items: number;
  readonly then: "wait" | "end";
}

async function* handler({ items, then }: Order, { signal }: RequestContext): AsyncGenerator<number> {
  for (let i = 0; i < items; i += 1) yield i;
  process.stdout.write("yielded\n");
  if (then === "wait") await new Promise((resolve) => signal.addEventListener("abort", resolve));
}

const manager = createNetworkManager({
  transports: [tcp({ host: "127.0.0.1", port: 0, environment: {} })],
  discovery: new LocalDiscovery(),
  environment: {},
});
const { instance } = await manager.endpoint<Order, number>(NAME).serve(handler);
process.stdout.write(`${addressOf(instance)}\n`);
