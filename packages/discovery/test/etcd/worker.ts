/** A worker process with etcd. Arguments: address of etcd, instance id. */
import { etcdDiscovery } from "../../src/etcd/index.ts";
import { registerAndStay } from "../stay.ts";

const [endpoints, id] = process.argv.slice(2);
await registerAndStay(etcdDiscovery({ endpoints: endpoints!, leaseTtlMs: 2_000 }), BigInt(id!));
