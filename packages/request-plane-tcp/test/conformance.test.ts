import { formatSocketAddress, parseSocketAddress } from "@dynamo/request-plane-core";
import { describeTransport } from "@dynamo/request-plane-conformance";
import type { AddressRoute, TransportFactory } from "@dynamo/request-plane-conformance";
import { describe, it } from "vitest";
import { tcp } from "../src/index.ts";
import type { TcpOptions } from "../src/index.ts";

/** `host:port/path` */
const route: AddressRoute = {
  target: (address) => parseSocketAddress(address.slice(0, address.indexOf("/"))),
  through: (address, proxy) => formatSocketAddress(proxy) + address.slice(address.indexOf("/")),
};

function factory(options: TcpOptions = {}): TransportFactory {
  return ({ acknowledgeTimeoutMs, connectTimeoutMs, serverMaxMessageBytes, clientMaxMessageBytes }) => {
    const common = { host: "127.0.0.1", port: 0, environment: {}, ...options };
    return {
      server: tcp({ ...common, maxMessageBytes: serverMaxMessageBytes }),
      client: tcp({
        ...common,
        maxMessageBytes: clientMaxMessageBytes,
        requestTimeoutMs: acknowledgeTimeoutMs,
        connectTimeoutMs,
      }),
      route,
    };
  };
}

describe.each([["callhome"], ["auto"]] as const)("with responses %s,", (responses) => {
  describeTransport(factory(), { describe, it: it.concurrent, responses });
});
