import { findNatsServer, startNatsServer } from "@dynamo/nats-server";
import type { NatsServer, NatsServerConfig } from "@dynamo/nats-server";
import { connect } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { describe, onTestFinished } from "vitest";

const found = await findNatsServer();
if (found === undefined) {
  const message = "There is no nats-server on this machine, and none could be fetched";
  if (process.env["CI"] !== undefined) throw new Error(message);
  process.stderr.write(`\n!!! ${message}: THE TESTS OF THE NATS PLANE ARE NOT RUN !!!\n\n`);
}

/** Tests that need a real server. Without one they are reported as skipped, and fail in CI. */
export const describeWithNats = describe.skipIf(found === undefined);

/** A server for one test, stopped at its end. */
export async function natsServer(config: NatsServerConfig = {}): Promise<NatsServer> {
  const server = await startNatsServer(config);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

/** A connection of the client library, for tests that look from outside. */
export async function bystander(server: NatsServer): Promise<NatsConnection> {
  const connection = await connect({ servers: `127.0.0.1:${server.port}` });
  onTestFinished(() => connection.close());
  return connection;
}
