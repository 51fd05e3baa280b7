import type { NatsServer } from "@dynamo/nats-server";
import { connect } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { onTestFinished } from "vitest";

/** A connection of the client library, for tests that look from outside. */
export async function bystander(server: NatsServer): Promise<NatsConnection> {
  const connection = await connect({ servers: `127.0.0.1:${server.port}` });
  onTestFinished(() => connection.close());
  return connection;
}
