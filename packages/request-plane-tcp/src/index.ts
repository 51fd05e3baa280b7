/** The TCP transport of the Dynamo request plane. */
import { defaultLogger, override, readSettings } from "@dynamo/request-plane-core";
import type { Environment, Logger, SettingsOf, Transport } from "@dynamo/request-plane-core";
import { TcpClient } from "./client.ts";
import { IN_BAND_TRANSPORT } from "./in-band/frames.ts";
import { TcpServer } from "./server.ts";
import { TCP_SETTINGS } from "./settings.ts";

export type TcpSettings = SettingsOf<typeof TCP_SETTINGS>;

/** Settings given here win over the environment. */
export interface TcpOptions extends Partial<TcpSettings> {
  /** Where settings are read from, once. Default: `process.env`. */
  readonly environment?: Environment;
  readonly logger?: Logger;
}

/** Throws `invalid_configuration` when an option can't be used. */
export function tcp(options: TcpOptions = {}): Transport {
  const { environment = process.env, logger = defaultLogger, ...given } = options;
  const settings = override(readSettings(TCP_SETTINGS, environment, logger), given, TCP_SETTINGS);
  return {
    name: "tcp",
    scheme: "tcp",
    capabilities: { maxMessageBytes: settings.maxMessageBytes, brokered: false, inBand: IN_BAND_TRANSPORT },
    createServer: () => new TcpServer(settings),
    createClient: () => new TcpClient(settings),
  };
}

export { TCP_SETTINGS } from "./settings.ts";
export type { PathForm } from "./address.ts";
