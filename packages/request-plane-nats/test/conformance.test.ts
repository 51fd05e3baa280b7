import { describeTransport } from "@dynamo/request-plane-conformance";
import type { TransportFactory } from "@dynamo/request-plane-conformance";
import { startNatsServer } from "@dynamo/nats-server";
import { describeWithNats } from "@dynamo/nats-server/vitest";
import { describe, it } from "vitest";
import { nats } from "../src/index.ts";

/** One NATS server for each case. It allows more than the plane, whose own limit is the same on both sides. */
const factory: TransportFactory = async ({ acknowledgeTimeoutMs, connectTimeoutMs }) => {
  const server = await startNatsServer({ maxPayload: 32 * 1024 * 1024 });
  const plane = nats({
    ...{ servers: server.url, environment: {}, connectTimeoutMs },
    requestTimeoutMs: acknowledgeTimeoutMs,
  });
  return { server: plane, client: plane, teardown: () => server[Symbol.asyncDispose]() };
};

describe.each([["callhome"], ["auto"]] as const)("with responses %s,", (responses) => {
  describeTransport(factory, { describe: describeWithNats, it: it.concurrent, responses, knownFailures: [] });
});
