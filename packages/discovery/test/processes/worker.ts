/**
 * A process that registers an endpoint and stays. Arguments: root, lease in milliseconds, instance id.
 * `SIGTERM` closes it.
 */
import { createServer } from "node:net";
import { fileDiscovery } from "../../src/index.ts";
import { endpoint } from "../records.ts";

const [root, leaseMs, id] = process.argv.slice(2);
const discovery = fileDiscovery({ root, leaseMs: Number(leaseMs) });
await discovery.register(endpoint(BigInt(id!)));
// Discovery alone keeps no process alive.
const server = createServer().listen(0, "127.0.0.1");
process.once("SIGTERM", () => {
  server.close();
  void discovery.close();
});
process.stdout.write("registered\n");
