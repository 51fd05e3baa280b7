/** The HTTP transport of the Dynamo request plane. */
import { defaultLogger, override, readSettings } from "@dynamo/request-plane-core";
import type { Environment, Logger, Transport } from "@dynamo/request-plane-core";
import { HttpClient } from "./client.ts";
import { IN_BAND_TRANSPORT } from "./in-band/frames.ts";
import { HttpServer } from "./server.ts";
import { HTTP_SETTINGS, withoutEndSlash } from "./settings.ts";
import type { HttpSettings } from "./settings.ts";

/** Settings given here win over the environment. */
export interface HttpOptions extends Partial<HttpSettings> {
  /** Where settings are read from, once. Default: `process.env`. */
  readonly environment?: Environment;
  readonly logger?: Logger;
}

/** Throws `invalid_configuration` when an option can't be used. */
export function http(options: HttpOptions = {}): Transport {
  const { environment = process.env, logger = defaultLogger, ...given } = options;
  const settings = override(readSettings(HTTP_SETTINGS, environment, logger), given, HTTP_SETTINGS);
  const rootPath = withoutEndSlash(settings.rootPath);
  return {
    name: "http",
    scheme: "http",
    capabilities: {
      maxMessageBytes: settings.maxMessageBytes,
      brokered: false,
      inBand: IN_BAND_TRANSPORT,
    },
    createServer: () => new HttpServer({ ...settings, rootPath }),
    createClient: (components) => new HttpClient(settings, components.logger),
  };
}

export { HTTP_SETTINGS } from "./settings.ts";
export type { HttpSettings } from "./settings.ts";
