import { natsServer } from "@dynamo/nats-server/vitest";
import type { EventTransport } from "../../src/index.ts";
import { natsEvents } from "../../src/nats/index.ts";
import { zmqEvents } from "../../src/zmq/index.ts";

export function zmqOnLoopback(): EventTransport {
  return zmqEvents({ host: "127.0.0.1", environment: {} });
}

export async function natsTransports(): Promise<() => EventTransport> {
  const server = await natsServer();
  return () => natsEvents({ servers: server.url, environment: {} });
}
