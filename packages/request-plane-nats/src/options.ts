/** What the user of the transport may say, and what holds when nothing is said. */
import type { NatsConnection } from "@nats-io/transport-node";
import { defaultLogger, override, readSettings, RequestPlaneError } from "@dynamo/request-plane-core";
import type { Environment, Logger, SettingsOf } from "@dynamo/request-plane-core";
import { parseServers } from "./connection-options.ts";
import { DEFAULT_INTERVAL_MS, MAX_INTERVAL_MS } from "./in-band/frames.ts";
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
  /**
   * How often the other side of a response over NATS hears that this one is there. It is given up after eight
   * times in silence. Default: 2,000, 60,000 at most.
   */
  readonly heartbeatMs?: number;
  /** Where settings are read from, once. Default: `process.env`. */
  readonly environment?: Environment;
  readonly logger?: Logger;
}

const BOUNDS = {
  connectTimeoutMs: 5_000,
  pingIntervalMs: 5_000,
  maxPendingBytes: 64 * 1024 * 1024,
  heartbeatMs: DEFAULT_INTERVAL_MS,
};

export type ResolvedOptions = ReturnType<typeof resolveOptions>;

/** Throws `invalid_configuration` when an option can't be used. */
export function resolveOptions(options: NatsOptions) {
  const { connection, environment = process.env, logger = defaultLogger, ...given } = options;
  const read = readSettings(NATS_SETTINGS, environment, logger);
  const settings = { ...override({ ...read, ...BOUNDS }, given, NATS_SETTINGS), connection };
  if (given.servers !== undefined) parseServers(given.servers);
  if (settings.pingIntervalMs === 0) {
    throw new RequestPlaneError("invalid_configuration", "Option 'pingIntervalMs' must be above 0");
  }
  if (settings.heartbeatMs < 1 || settings.heartbeatMs > MAX_INTERVAL_MS) {
    const message = `Option 'heartbeatMs' must be 1 to ${MAX_INTERVAL_MS}`;
    throw new RequestPlaneError("invalid_configuration", message);
  }
  return settings;
}
