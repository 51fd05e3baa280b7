import { AsyncResource } from "node:async_hooks";
import type { Msg, NatsConnection, Subscription } from "@nats-io/transport-node";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type {
  EndpointName,
  EndpointRegistration,
  Logger,
  PlaneHealth,
  RequestAcceptor,
  RequestPlaneServer,
} from "@dynamo/request-plane-core";
import { Broker } from "./broker.ts";
import type { BrokerOptions } from "./broker.ts";
import type { EndpointStats } from "./endpoint-stats.ts";
import { InBandServer } from "./in-band/server.ts";
import { decodeHeaders } from "./message-headers.ts";
import { encodeDecline, encodeRefusal } from "./refusal.ts";
import { QUEUE_GROUP } from "./service.ts";
import { Services } from "./services.ts";
import { subjectOf } from "./subject.ts";
import { within } from "./within.ts";

/** How long the server may take to answer that it has read what was sent. */
const FLUSH_MS = 5_000;
const DRAIN_MS = 1_000;

export interface NatsServerOptions extends BrokerOptions {
  /** How often a caller that is answered in-band hears that we are there. */
  readonly heartbeatMs: number;
}

/** An endpoint that takes requests, or refuses them while it drains. */
interface Served {
  readonly name: EndpointName;
  accept: RequestAcceptor;
  stats?: EndpointStats;
  subscription?: Subscription;
  failure?: Error;
}

/** Subscribes to the subjects of all endpoints and instances of a process, on one connection. */
export class NatsServer implements RequestPlaneServer {
  readonly #broker: Broker;
  readonly #logger: Logger;
  readonly #services: Services;
  readonly #inBand: InBandServer;
  readonly #served = new Map<string, Served>();

  constructor(options: NatsServerOptions, logger: Logger) {
    this.#logger = logger;
    this.#services = new Services(logger);
    this.#broker = new Broker(options, logger, {
      onLost: (error) => this.#inBand.lost(error),
      onForbidden: (violation) => violation.subject.startsWith("$SRV.") || this.#inBand.forbidden(violation),
    });
    this.#inBand = new InBandServer(options.heartbeatMs, this.#broker, logger);
  }

  async start(): Promise<void> {
    await this.#inBand.open(await this.#broker.connect());
  }

  async register(registration: EndpointRegistration): Promise<string> {
    const subject = subjectOf(registration);
    if (this.#served.has(subject)) {
      throw new RequestPlaneError("conflict", `Endpoint ${subject} is served already by this process`, {
        facts: { address: subject },
      });
    }
    const served: Served = { name: registration, accept: registration.accept };
    this.#served.set(subject, served);
    try {
      await this.#subscribe(await this.#broker.connect(), subject, served);
      return subject;
    } catch (error) {
      served.subscription?.unsubscribe();
      this.#services.remove(registration, subject);
      this.#served.delete(subject);
      throw error;
    }
  }

  async unregister(subject: string): Promise<void> {
    const served = this.#served.get(subject);
    if (!served) return;
    served.accept = () => new RequestPlaneError("unknown_endpoint", `unknown endpoint ${subject}`);
    const { name, subscription } = served;
    this.#services.remove(name, subject);
    if (subscription && !subscription.isClosed() && this.#broker.current) {
      await within(DRAIN_MS, subscription.drain()).catch(() => undefined);
    }
    if (subscription?.isClosed() === false) subscription.unsubscribe();
    this.#served.delete(subject);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#served.keys()].map((subject) => this.unregister(subject)));
    await this.#inBand.close();
    await this.#broker.close();
  }

  health(): PlaneHealth {
    return { connections: this.#broker.current ? 1 : 0, pending: 0 };
  }

  /** Resolves when the server knows the subscription, so that no caller can come too early. */
  async #subscribe(connection: NatsConnection, subject: string, served: Served): Promise<void> {
    // Handlers run where the endpoint is served, not in the context of the connection and its sockets.
    const callback = AsyncResource.bind((error: Error | null, message: Msg): void => {
      if (error) this.#onSubscriptionError(error, subject, served);
      else this.#onRequest(message, subject, served);
    });
    served.subscription = connection.subscribe(subject, { queue: QUEUE_GROUP, callback });
    served.stats = this.#services.add(connection, served.name, subject);
    try {
      await within(FLUSH_MS, connection.flush());
    } catch (cause) {
      throw new RequestPlaneError("cannot_connect", `NATS at ${this.#broker.shown} does not answer`, {
        cause,
      });
    }
    if (!served.failure) return;
    throw new RequestPlaneError("permission_denied", `NATS does not allow this: ${served.failure.message}`, {
      cause: served.failure,
      facts: { address: subject },
    });
  }

  #onSubscriptionError(error: Error, subject: string, served: Served): void {
    served.failure = error;
    this.#logger.error({ subject, error: error.message }, "NATS took a subscription away: requests stay out");
  }

  /** What is thrown here would end the connection's reader. */
  #onRequest(message: Msg, subject: string, { accept, stats }: Served): void {
    const startedAt = performance.now();
    let refusal: RequestPlaneError | undefined;
    try {
      const connector = this.#inBand.connectorFor(message);
      refusal = accept({ headers: decodeHeaders(message.headers), envelope: message.data, connector });
      if (refusal) {
        const { text, headers } = connector.isDeclined ? encodeDecline() : encodeRefusal(refusal, subject);
        message.respond(text, { headers });
      } else if (!connector.isConnected) message.respond();
    } catch (error) {
      refusal = RequestPlaneError.from(error);
      this.#logger.error({ subject, error: String(error) }, "A request could not be answered");
    }
    stats?.count(startedAt, refusal);
  }
}
