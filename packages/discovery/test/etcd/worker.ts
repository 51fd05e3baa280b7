/** A process that registers an endpoint and stays. Arguments: address of etcd, instance id. `SIGTERM` closes it. */
import { createServer } from "node:net";
import { etcdDiscovery } from "../../src/etcd/index.ts";
import { endpoint } from "../records.ts";

const [endpoints, id] = process.argv.slice(2);
const discovery = etcdDiscovery({ endpoints: endpoints!, leaseTtlMs: 2_000 });
await discovery.register(endpoint(BigInt(id!)));
// Discovery alone keeps no process alive.
const server = createServer().listen(0, "127.0.0.1");
process.once("SIGTERM", () => {
  server.close();
  void discovery.close();
});
process.stdout.write("registered\n");
