import { describeTransport } from "@dynamo/request-plane-conformance";
import type { TransportFactory } from "@dynamo/request-plane-conformance";
import { startNatsServer } from "@dynamo/nats-server";
import type { NatsServer } from "@dynamo/nats-server";
import { afterAll, beforeAll, describe, it } from "vitest";
import { nats } from "../src/index.ts";
import { describeWithNats } from "./support/nats.ts";

// What Dynamo asks of its servers: requests may have 16 MB.
const MAX_PAYLOAD_BYTES = 20 * 1024 * 1024;

describeWithNats("NATS", () => {
  // One server for all cases: their endpoints have names of their own.
  let server: NatsServer;
  beforeAll(async () => {
    server = await startNatsServer({ maxPayload: MAX_PAYLOAD_BYTES });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const factory: TransportFactory = ({ acknowledgeTimeoutMs, connectTimeoutMs }) => {
    const options = {
      servers: server.url,
      environment: {},
      requestTimeoutMs: acknowledgeTimeoutMs,
      connectTimeoutMs,
    };
    return { server: nats(options), client: nats(options) };
  };

  describeTransport(factory, { describe, it: it.concurrent });
});
