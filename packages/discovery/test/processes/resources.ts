/**
 * A process that uses file discovery fully, prints what it held meanwhile and what it holds afterwards, as two
 * lines of JSON, and then must end by itself. Argument: root.
 */
import { createHook } from "node:async_hooks";
import { readdirSync, readlinkSync } from "node:fs";
import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileDiscovery } from "../../src/index.ts";
import { endpoint } from "../records.ts";

const held = new Map<number, string>();
createHook({
  init: (id, type) => {
    if (["Timeout", "FSEVENTWRAP"].includes(type)) held.set(id, type);
  },
  destroy: (id) => held.delete(id),
}).enable();
const [root] = process.argv.slice(2);

function report(): void {
  const files = readdirSync("/proc/self/fd").filter((fd) => targetOf(fd).startsWith(root!));
  process.stdout.write(
    JSON.stringify({ resources: [...held.values()].sort(), openFiles: files.length }) + "\n",
  );
}

function targetOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return "";
  }
}

const discovery = fileDiscovery({ root: root!, leaseMs: 400 });
const seen: string[] = [];
async function follow(type: "Endpoint" | "Model"): Promise<void> {
  for await (const { kind } of discovery.watch({ type })) seen.push(kind);
}
const following = [follow("Endpoint"), follow("Endpoint"), follow("Model")];
await discovery.register(endpoint(1n));
const second = await discovery.register(endpoint(2n));
await sleep(300);
// Faults on the way: the folder vanishes and comes back with the next touch.
await rm(root!, { recursive: true, maxRetries: 10, retryDelay: 5 });
await sleep(800);
await second.unregister();
report();
await discovery.close();
await Promise.all(following);
await sleep(100);
// The hook hears of the end of a timer one turn later.
await new Promise((resolve) => setImmediate(resolve));
report();
