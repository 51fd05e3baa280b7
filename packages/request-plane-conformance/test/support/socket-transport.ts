/** A small plane with connections of its own, on which the cases for direct planes can be proved, and broken. */
import { formatSocketAddress, parseSocketAddress } from "@dynamo/request-plane-core";
import type { Transport } from "@dynamo/request-plane-core";
import type { AddressRoute, FixtureSettings, TransportFixture } from "../../src/index.ts";
import { SocketClient } from "./socket-client.ts";
import { SocketServer } from "./socket-server.ts";

export const socketRoute: AddressRoute = {
  target: (address) => parseSocketAddress(address.slice(0, address.indexOf("/"))),
  through: (address, place) => formatSocketAddress(place) + address.slice(address.indexOf("/")),
};

export function socketFixture(settings: FixtureSettings): TransportFixture {
  const side = (maxMessageBytes: number): Transport => ({
    name: "socket",
    scheme: "socket",
    capabilities: { maxMessageBytes, brokered: false },
    createServer: () => new SocketServer(settings.serverMaxMessageBytes),
    createClient: () => new SocketClient(settings),
  });
  return {
    server: side(settings.serverMaxMessageBytes),
    client: side(settings.clientMaxMessageBytes),
    route: socketRoute,
  };
}
