import { parseSocketAddress, formatSocketAddress } from "@dynamo/request-plane-core";
import type { OutboundRequest, RequestPlaneClient, Transport } from "@dynamo/request-plane-core";
import type { FaultProxy } from "../fault-proxy/fault-proxy.ts";
import { callHomeOf, withHome } from "./envelope.ts";

/** The same transport, but workers that call home come through the proxy. */
export function responsesThrough(transport: Transport, proxy: FaultProxy): Transport {
  const home = formatSocketAddress(proxy.address);
  const redirect = (request: OutboundRequest): OutboundRequest => {
    const envelope = Buffer.concat(request.envelope);
    proxy.target = parseSocketAddress(callHomeOf(envelope).address);
    const redirected = withHome(envelope, home);
    return { ...request, envelope: [redirected], envelopeBytes: redirected.length };
  };
  return withClient(transport, (client) => ({
    deliver: async (request) => client.deliver(redirect(request)),
    close: () => client.close(),
    health: () => client.health(),
  }));
}

/** The same transport with other clients. */
export function withClient(
  transport: Transport,
  wrap: (client: RequestPlaneClient) => RequestPlaneClient,
): Transport {
  return {
    name: transport.name,
    scheme: transport.scheme,
    capabilities: transport.capabilities,
    createServer: (components) => transport.createServer(components),
    createClient: (components) => wrap(transport.createClient(components)),
  };
}
