/** The NATS transport of the Dynamo request plane. */
import type { NatsConnection } from "@nats-io/transport-node";
import { defaultLogger, override, readSettings, RequestPlaneError } from "@dynamo/request-plane-core";
import type { Environment, Logger, SettingsOf, Transport } from "@dynamo/request-plane-core";
import { NatsClient } from "./client.ts";
import { parseServers } from "./connection-options.ts";
import { PLANE_LIMIT } from "./limits.ts";
import { NatsServer } from "./server.ts";
import { NATS_SETTINGS } from "./settings.ts";

export type NatsSettings = SettingsOf<typeof NATS_SETTINGS>;

/** Settings given here win over the environment. */
export interface NatsOptions extends Partial<NatsSettings> {
  /** A connection to use instead of making some. It is not closed, and its own options count. */
  readonly connection?: NatsConnection;
  /** How long the first connection may take. Default: 5,000. */
  readonly connectTimeoutMs?: number;
  /** How often the server is pinged; after the third ping in vain it is given up. Default: 5,000. */
  readonly pingIntervalMs?: number;
  /** Bytes of requests that may wait for their acknowledgement; more are refused. Default: 64 MiB. */
  readonly maxPendingBytes?: number;
  /** Where settings are read from, once. Default: `process.env`. */
  readonly environment?: Environment;
  readonly logger?: Logger;
}

const BOUNDS = { connectTimeoutMs: 5_000, pingIntervalMs: 5_000, maxPendingBytes: 64 * 1024 * 1024 };

/**
 * Connects when it is first used. Throws `invalid_configuration` when an option can't be used; variables that
 * can't be used make the first use fail.
 */
export function nats(options: NatsOptions = {}): Transport {
  const { connection, environment = process.env, logger = defaultLogger, ...given } = options;
  const read = readSettings(NATS_SETTINGS, environment, logger);
  const settings = { ...override({ ...read, ...BOUNDS }, given, NATS_SETTINGS), connection };
  if (given.servers !== undefined) parseServers(given.servers);
  if (settings.pingIntervalMs === 0) {
    throw new RequestPlaneError("invalid_configuration", "Option 'pingIntervalMs' must be above 0");
  }
  return {
    name: "nats",
    scheme: "nats_tcp",
    capabilities: { maxMessageBytes: PLANE_LIMIT.limit, brokered: true },
    createServer: (components) => new NatsServer(settings, components.logger),
    createClient: (components) => new NatsClient(settings, components.logger),
  };
}

export { NATS_SETTINGS } from "./settings.ts";
