import { createServer } from "node:net";
import type { Discovery } from "@dynamo/request-plane-core";
import { endpoint } from "./records.ts";

/** What the worker processes do: register an endpoint and stay. `SIGTERM` closes the discovery. */
export async function registerAndStay(discovery: Discovery, id: bigint): Promise<void> {
  await discovery.register(endpoint(id));
  // Discovery alone keeps no process alive.
  const server = createServer().listen(0, "127.0.0.1");
  process.once("SIGTERM", () => {
    server.close();
    void discovery.close();
  });
  process.stdout.write("registered\n");
}
