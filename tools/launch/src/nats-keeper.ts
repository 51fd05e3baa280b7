/**
 * A program: a nats-server of our own, from when its address is sent to the launcher until SIGTERM. It ends with
 * exit code 1 when the server ends by itself.
 */
import { once } from "node:events";
import { startNatsServer } from "@dynamo/nats-server";

const asked = once(process, "SIGTERM").then(() => "asked");
const server = await startNatsServer();
process.send?.(server.url);
const reason = await Promise.race([asked, server.ended()]);
await server[Symbol.asyncDispose]();
if (reason !== "asked") process.stderr.write(server.output);
process.exit(reason === "asked" ? 0 : 1);
