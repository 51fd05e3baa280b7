/**
 * `host:port` as text, with IPv6 in brackets, and the choice of an address that others can reach.
 */
import { isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import { RequestPlaneError } from "./errors.ts";

export interface SocketAddress {
  readonly host: string;
  /** 0 where the system is to pick one. */
  readonly port: number;
}

export function formatSocketAddress({ host, port }: SocketAddress): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Throws `invalid_argument` when there is no host or no port from 1 to 65535. */
export function parseSocketAddress(text: string): SocketAddress {
  const match = /^(?:\[([^\]]+)\]|([^:/[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port >= 1 && port <= 65_535)) {
    throw new RequestPlaneError("invalid_argument", `Invalid address '${text}': expected host:port`);
  }
  return { host, port };
}

/** Whether a listener on this host takes connections on every interface, so that it names none. */
export function isWildcardHost(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** The first IPv4 address that is not loopback, else the first such IPv6 address, else 127.0.0.1. */
export function detectHost(): string {
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter((entry) => !entry.internal && !entry.address.startsWith("fe80:"));
  const best = addresses.find((entry) => entry.family === "IPv4") ?? addresses[0];
  return best?.address ?? "127.0.0.1";
}

/** Dynamo up to 1.5 wants the name of an interface in `DYN_TCP_RESPONSE_STREAM_HOST`. */
function addressOfInterface(name: string): string | undefined {
  return networkInterfaces()[name]?.[0]?.address;
}

/**
 * Where to listen and what to tell others. The host to bind may be an address or the name of an interface.
 * Without one it is the detected address; without one to
 * advertise, the bound one, or the detected one when the bound one is a wildcard.
 * Throws `invalid_configuration` when a wildcard is to be advertised.
 */
export function resolveHosts(
  bind: string | undefined,
  advertise: string | undefined,
): { bind: string; advertise: string } {
  const host = bind === undefined ? detectHost() : (addressOfInterface(bind) ?? bind);
  if (advertise !== undefined && isWildcardHost(advertise)) {
    throw new RequestPlaneError(
      "invalid_configuration",
      `'${advertise}' can be listened on but not be advertised`,
    );
  }
  return { bind: host, advertise: advertise ?? (isWildcardHost(host) ? detectHost() : host) };
}
