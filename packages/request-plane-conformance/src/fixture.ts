/**
 * What the author of a transport gives the kit.
 */
import type { SocketAddress, Transport } from "@dynamo/request-plane-core";

/** A fresh plane for one case, with nothing left in it from another one. */
export interface TransportFixture {
  /** The transport of workers. */
  readonly server: Transport;
  /** The transport of callers. May be the same object. */
  readonly client: Transport;
  /** Where the host and port stand in an address. Left out by planes whose addresses name no host. */
  readonly route?: AddressRoute;
  /** Ends what the factory started besides, such as a broker. */
  readonly teardown?: () => Promise<void>;
}

/** Lets the kit put a proxy of its own, or a peer of its own, in front of a server's address. */
export interface AddressRoute {
  /** Where callers of this address connect to. */
  target(address: string): SocketAddress;
  /** The same address at another host and port. */
  through(address: string, proxy: SocketAddress): string;
}

/** How the case wants the plane to be set. What a plane has no setting for it may leave as it is. */
export interface FixtureSettings {
  /** How long a caller waits for the acknowledgement. */
  readonly acknowledgeTimeoutMs: number;
  /** How long a caller waits for a connection. */
  readonly connectTimeoutMs: number;
  /** Largest envelope that workers take. */
  readonly serverMaxMessageBytes: number;
  /** Largest envelope that callers send. */
  readonly clientMaxMessageBytes: number;
}

/** Makes a plane on loopback whose ports the system picks. Called once for each case. */
export type TransportFactory = (settings: FixtureSettings) => TransportFixture | Promise<TransportFixture>;

/** Of cases that don't ask for others, and have no such time to wait for: machines may stand still for seconds. */
export const DEFAULT_SETTINGS: FixtureSettings = {
  acknowledgeTimeoutMs: 10_000,
  connectTimeoutMs: 10_000,
  serverMaxMessageBytes: 2 * 1024 * 1024,
  clientMaxMessageBytes: 2 * 1024 * 1024,
};
