/** A worker in a process of its own. */
import { serveOrders } from "@dynamo/test-world";
import { tcp } from "../../src/index.ts";

await serveOrders(tcp({ host: "127.0.0.1", port: 0, environment: {} }));
