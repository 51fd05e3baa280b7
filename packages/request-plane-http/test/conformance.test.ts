import { describeTransport } from "@dynamo/request-plane-conformance";
import type { AddressRoute, TransportFactory } from "@dynamo/request-plane-conformance";
import { describe, it } from "vitest";
import { http } from "../src/index.ts";

/** `http://host:port/path` */
const route: AddressRoute = {
  target: (address) => {
    const { hostname, port } = new URL(address);
    return { host: hostname, port: Number(port) };
  },
  through: (address, { host, port }) => {
    const { pathname } = new URL(address);
    return `http://${host}:${port}${pathname}`;
  },
};

const factory: TransportFactory = ({
  acknowledgeTimeoutMs,
  serverMaxMessageBytes,
  clientMaxMessageBytes,
}) => {
  const common = { host: "127.0.0.1", port: 0, environment: {}, requestTimeoutMs: acknowledgeTimeoutMs };
  return {
    server: http({ ...common, maxMessageBytes: serverMaxMessageBytes }),
    client: http({ ...common, maxMessageBytes: clientMaxMessageBytes }),
    route,
  };
};

describe.each([["callhome"], ["auto"]] as const)("with responses %s,", (responses) => {
  describeTransport(factory, { describe, it: it.concurrent, responses });
});
