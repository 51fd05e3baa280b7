/** The connection of the NATS plane, for others of the process that speak NATS with the same settings: events. */
import type { NatsConnection } from "@nats-io/transport-node";
import { defaultLogger } from "@dynamo/request-plane-core";
import { Broker } from "./broker.ts";
import { resolveOptions } from "./options.ts";
import type { NatsOptions } from "./options.ts";

export type { Msg, NatsConnection, Subscription } from "@nats-io/transport-node";
export type { NatsOptions } from "./options.ts";

/** Once it stands it is made again for ever, and what is subscribed comes back with it. */
export interface NatsLink {
  /** The connection, when it is usable now. */
  readonly current: NatsConnection | undefined;
  /**
   * Connects when that was not done yet. Rejects with `cannot_connect` (at once while the connection is down),
   * `deadline_exceeded`, `unauthenticated`, `invalid_configuration` or `closed`; the next call tries again.
   */
  connect(): Promise<NatsConnection>;
  /** Ends what was opened, at once. A connection of the user's stays. */
  close(): Promise<void>;
}

export interface NatsLinkOptions extends NatsOptions {
  /** The connection stands again after it was lost. What others published meanwhile is lost. */
  readonly onRestored?: () => void;
}

/** Connects when it is first used. Throws `invalid_configuration` when an option can't be used. */
export function natsLink({ onRestored, ...options }: NatsLinkOptions = {}): NatsLink {
  const events = { onLost: () => undefined, onForbidden: () => false, onRestored };
  return new Broker(resolveOptions(options), options.logger ?? defaultLogger, events);
}
