/** A worker in a process of its own. Argument: address of NATS. */
import { serveOrders } from "@dynamo/test-world";
import { nats } from "../../src/index.ts";

await serveOrders(nats({ servers: process.argv[2] ?? "", environment: {} }));
