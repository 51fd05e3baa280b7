import { onTestFinished } from "vitest";
import type {
  EndpointName,
  Headers,
  InboundRequest,
  RequestAcceptor,
  RequestPlaneClient,
  RequestPlaneServer,
} from "@dynamo/request-plane-core";
import { nats } from "../../src/index.ts";
import type { NatsOptions } from "../../src/index.ts";
import { recordingLogger } from "@dynamo/test-world";

/** One transport by itself, without the rest of the request plane. All is stopped at the end of the test. */
export interface Plane {
  readonly client: RequestPlaneClient;
  readonly server: RequestPlaneServer;
  readonly warnings: readonly string[];
}

export function plane(options: NatsOptions): Plane {
  const { logger, warnings } = recordingLogger();
  const transport = nats({ environment: {}, ...options });
  const [client, server] = [transport.createClient({ logger }), transport.createServer({ logger })];
  onTestFinished(async () => {
    await client.close();
    await server.stop();
  });
  return { client, server, warnings };
}

export const ENDPOINT: EndpointName = { namespace: "test", component: "backend", endpoint: "generate" };

/** Starts the server and registers one endpoint that takes everything. */
export async function serve(
  server: RequestPlaneServer,
  accept?: RequestAcceptor,
  name: EndpointName = ENDPOINT,
): Promise<{ address: string; received: InboundRequest[] }> {
  await server.start();
  const received: InboundRequest[] = [];
  const address = await server.register({
    ...name,
    instanceId: 0xfeedn,
    accept: (request) => {
      received.push(request);
      return accept?.(request);
    },
  });
  return { address, received };
}

/** A request of so many bytes, in two pieces as callers have them. */
export function request(address: string, bytes = 100, headers: Headers = {}) {
  const envelope = [Buffer.alloc(Math.min(24, bytes)), Buffer.alloc(Math.max(0, bytes - 24), "x")];
  return { address, headers, envelope, envelopeBytes: bytes };
}
