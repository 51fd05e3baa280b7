import { hasNatsServer, startNatsServer } from "@dynamo/nats-server";
import type { NatsServer } from "@dynamo/nats-server";
import { describe, onTestFinished } from "vitest";
import type { EventTransport } from "../../src/index.ts";
import { natsEvents } from "../../src/nats/index.ts";
import { zmqEvents } from "../../src/zmq/index.ts";

const hasNats = await hasNatsServer();

/** Tests that need a real server. Without one they are reported as skipped, and fail in CI. */
export const describeWithNats = describe.skipIf(!hasNats);

export async function natsServer(lines: readonly string[] = []): Promise<NatsServer> {
  const server = await startNatsServer({ lines });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

export function zmqOnLoopback(): EventTransport {
  return zmqEvents({ host: "127.0.0.1", environment: {} });
}

export async function natsTransports(): Promise<() => EventTransport> {
  const server = await natsServer();
  return () => natsEvents({ servers: server.url, environment: {} });
}
