import type {
  OutboundRequest,
  RequestPlaneClient,
  RequestPlaneServer,
  Transport,
} from "@dynamo/request-plane-core";
import { memoryPlane } from "../../src/index.ts";
import type { Group, TransportFactory, TransportFixture } from "../../src/index.ts";
import { socketFixture } from "../support/socket-transport.ts";

/** A transport with one fault, and the cases that must find it. */
export interface BrokenTransport {
  readonly fault: string;
  readonly factory: TransportFactory;
  readonly caughtBy: readonly (readonly [Group, string])[];
  /** Cases that the fault must not touch, to show that the kit tells it from others. */
  readonly passes?: readonly (readonly [Group, string])[];
}

/** What is different about a side; the rest is as in the good transport. */
export interface Fault {
  readonly client?: (good: RequestPlaneClient) => Partial<RequestPlaneClient>;
  readonly server?: (good: RequestPlaneServer) => Partial<RequestPlaneServer>;
}

export const goodMemory: TransportFactory = ({ clientMaxMessageBytes, serverMaxMessageBytes }) =>
  memoryPlane({ maxMessageBytes: clientMaxMessageBytes, serverMaxMessageBytes });

export const goodSocket: TransportFactory = socketFixture;

export function broken(good: TransportFactory, fault: Fault): TransportFactory {
  return async (settings) => {
    const fixture: TransportFixture = await good(settings);
    return { ...fixture, server: wrap(fixture.server, fault), client: wrap(fixture.client, fault) };
  };
}

/** A client whose deliveries are different. */
export function deliversBy(
  deliver: (request: OutboundRequest, good: (request: OutboundRequest) => Promise<void>) => Promise<void>,
): Fault {
  return { client: (good) => ({ deliver: (request) => deliver(request, (sent) => good.deliver(sent)) }) };
}

function wrap(good: Transport, { client, server }: Fault): Transport {
  return {
    name: good.name,
    scheme: good.scheme,
    capabilities: good.capabilities,
    createServer: (components) => {
      const inner = good.createServer(components);
      return {
        start: () => inner.start(),
        register: (registration) => inner.register(registration),
        unregister: (address) => inner.unregister(address),
        stop: () => inner.stop(),
        health: () => inner.health(),
        ...server?.(inner),
      };
    },
    createClient: (components) => {
      const inner = good.createClient(components);
      return {
        deliver: (request) => inner.deliver(request),
        close: () => inner.close(),
        health: () => inner.health(),
        ...client?.(inner),
      };
    },
  };
}
