import { hasNatsServer, startNatsServer } from "@dynamo/nats-server";
import type { NatsServer, NatsServerConfig } from "@dynamo/nats-server";
import { connect } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { describe, onTestFinished } from "vitest";

const hasNats = await hasNatsServer();

/** Tests that need a real server. Without one they are reported as skipped, and fail in CI. */
export const describeWithNats = describe.skipIf(!hasNats);

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
