/**
 * A nats-server whose life ends with the bench: whoever kills the bench closes this process's channel.
 */
import { startNatsServer } from "@dynamo/nats-server";
import { runServer } from "./program.ts";

runServer(async () => {
  const server = await startNatsServer();
  return { address: server.url, close: () => server[Symbol.asyncDispose]() };
});
