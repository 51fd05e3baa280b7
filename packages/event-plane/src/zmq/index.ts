/** Events over ZMQ, from each worker to each router: no server is needed. */
import { defaultLogger, override, readSettings, resolveHosts } from "@dynamo/request-plane-core";
import type { Environment, Logger, SettingsOf } from "@dynamo/request-plane-core";
import type { EventTransport } from "../transport.ts";
import { ZmqListener } from "./listener.ts";
import { ZmqPublisher } from "./publisher.ts";
import { ZMQ_SETTINGS } from "./settings.ts";

/** Settings given here win over the environment. */
export interface ZmqEventOptions extends Partial<SettingsOf<typeof ZMQ_SETTINGS>> {
  /** Where settings are read from, once. Default: `process.env`. */
  readonly environment?: Environment | undefined;
  readonly logger?: Logger | undefined;
}

/** Throws `invalid_configuration` when an option can't be used. */
export function zmqEvents(options: ZmqEventOptions = {}): EventTransport {
  const { environment = process.env, logger = defaultLogger, ...given } = options;
  const settings = override(readSettings(ZMQ_SETTINGS, environment, logger), given, ZMQ_SETTINGS);
  const hosts = resolveHosts(settings.host ?? "0.0.0.0", settings.advertiseHost);
  return {
    name: "zmq",
    kind: "Zmq",
    maxSequenceEvents: 256,
    connect: () => Promise.resolve(),
    publisher: () => ZmqPublisher.bind(hosts, logger),
    listener: (topic, events) => new ZmqListener(topic, events),
    close: () => Promise.resolve(),
  };
}

export { ZMQ_SETTINGS } from "./settings.ts";
