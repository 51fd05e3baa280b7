/** The NATS transport of the Dynamo request plane. */
import type { Transport } from "@dynamo/request-plane-core";
import { NatsClient } from "./client.ts";
import { IN_BAND_TRANSPORT } from "./in-band/frames.ts";
import { PLANE_LIMIT } from "./limits.ts";
import { resolveOptions } from "./options.ts";
import type { NatsOptions } from "./options.ts";
import { NatsServer } from "./server.ts";

/**
 * Connects when it is first used. Throws `invalid_configuration` when an option can't be used; variables that
 * can't be used make the first use fail.
 */
export function nats(options: NatsOptions = {}): Transport {
  const settings = resolveOptions(options);
  return {
    name: "nats",
    scheme: "nats_tcp",
    capabilities: { maxMessageBytes: PLANE_LIMIT.limit, brokered: true, inBand: IN_BAND_TRANSPORT },
    createServer: (components) => new NatsServer(settings, components.logger),
    createClient: (components) => new NatsClient(settings, components.logger),
  };
}

export type { NatsOptions, NatsSettings } from "./options.ts";
export { NATS_SETTINGS } from "./settings.ts";
