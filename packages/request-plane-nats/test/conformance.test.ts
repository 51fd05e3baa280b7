import { describeTransport } from "@dynamo/request-plane-conformance";
import type { TransportFactory } from "@dynamo/request-plane-conformance";
import { startNatsServer } from "@dynamo/nats-server";
import { it } from "vitest";
import { nats } from "../src/index.ts";
import { describeWithNats } from "./support/nats.ts";

/** One NATS server for each case. It has one limit, for workers and callers. */
const factory: TransportFactory = async (settings) => {
  const { acknowledgeTimeoutMs, connectTimeoutMs, serverMaxMessageBytes, clientMaxMessageBytes } = settings;
  const server = await startNatsServer({
    maxPayload: Math.min(serverMaxMessageBytes, clientMaxMessageBytes),
  });
  const plane = nats({
    ...{ servers: server.url, environment: {}, connectTimeoutMs },
    requestTimeoutMs: acknowledgeTimeoutMs,
  });
  return { server: plane, client: plane, teardown: () => server[Symbol.asyncDispose]() };
};

describeTransport(factory, { describe: describeWithNats, it: it.concurrent, knownFailures: [] });
