/** The server and the client of the plane by themselves, without a manager. */
import { randomInstanceId } from "@dynamo/request-plane-core";
import type {
  InboundRequest,
  OutboundRequest,
  RequestAcceptor,
  RequestPlaneClient,
  RequestPlaneServer,
} from "@dynamo/request-plane-core";
import { http } from "../../src/index.ts";
import type { HttpOptions } from "../../src/index.ts";
import { recordingLogger } from "@dynamo/test-world";

export const { logger } = recordingLogger();

export interface ServedPlane extends AsyncDisposable {
  readonly server: RequestPlaneServer;
  readonly address: string;
  readonly requests: InboundRequest[];
}

/** A server with the endpoint `generate`, which keeps what it gets. */
export async function served(options: HttpOptions = {}, accept?: RequestAcceptor): Promise<ServedPlane> {
  const server = transport(options).createServer({ logger });
  await server.start();
  const requests: InboundRequest[] = [];
  const address = await server.register({
    namespace: "test",
    component: "backend",
    endpoint: "generate",
    instanceId: randomInstanceId(),
    accept: (request) => {
      requests.push(request);
      return accept?.(request);
    },
  });
  return { server, address, requests, [Symbol.asyncDispose]: () => server.stop() };
}

export interface CallingPlane extends AsyncDisposable, RequestPlaneClient {}

export function calling(options: HttpOptions = {}): CallingPlane {
  const client = transport(options).createClient({ logger });
  return {
    deliver: (request) => client.deliver(request),
    close: () => client.close(),
    health: () => client.health(),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

function transport(options: HttpOptions) {
  return http({ host: "127.0.0.1", port: 0, environment: {}, ...options });
}

export function request(
  address: string,
  text = "envelope",
  more: Partial<OutboundRequest> = {},
): OutboundRequest {
  const bytes = Buffer.from(text);
  return { address, headers: {}, envelope: [bytes], envelopeBytes: bytes.length, ...more };
}
