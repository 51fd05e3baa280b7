/** A worker process with files. Arguments: root, lease in milliseconds, instance id. */
import { fileDiscovery } from "../../src/index.ts";
import { registerAndStay } from "../stay.ts";

const [root, leaseMs, id] = process.argv.slice(2);
await registerAndStay(fileDiscovery({ root, leaseMs: Number(leaseMs) }), BigInt(id!));
