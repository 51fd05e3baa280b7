/** A worker process with etcd. Arguments: address of etcd, instance id, milliseconds of its lease. */
import { etcdDiscovery } from "../../src/etcd/index.ts";
import { registerAndStay } from "../stay.ts";

const [endpoints, id, leaseMs] = process.argv.slice(2);
await registerAndStay(etcdDiscovery({ endpoints: endpoints!, leaseTtlMs: Number(leaseMs) }), BigInt(id!));
