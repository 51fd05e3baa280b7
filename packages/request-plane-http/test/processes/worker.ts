/** A worker in a process of its own. */
import { serveOrders } from "@dynamo/test-world";
import { http } from "../../src/index.ts";

await serveOrders(http({ host: "127.0.0.1", port: 0, environment: {} }));
