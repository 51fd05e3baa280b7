import type { NatsConnection } from "@nats-io/transport-node";
import type { EndpointName, Logger } from "@dynamo/request-plane-core";
import type { EndpointStats } from "./endpoint-stats.ts";
import { Service } from "./service.ts";

/** The services of a process: one for each component that has an endpoint. */
export class Services {
  readonly #logger: Logger;
  readonly #services = new Map<string, Service>();
  #warned = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Shows an endpoint; the first of a component subscribes to the subjects of its service. */
  add(connection: NatsConnection, name: EndpointName, subject: string): EndpointStats {
    const key = keyOf(name);
    const service = this.#services.get(key) ?? new Service(connection, name, this.#onError);
    this.#services.set(key, service);
    return service.add(subject);
  }

  /** Shows an endpoint no longer; with its last one a service is gone. */
  remove(name: EndpointName, subject: string): void {
    const key = keyOf(name);
    const service = this.#services.get(key);
    service?.remove(subject);
    if (!service?.isEmpty) return;
    service.stop();
    this.#services.delete(key);
  }

  readonly #onError = (error: unknown): void => {
    if (this.#warned) return;
    this.#warned = true;
    this.#logger.warn(
      { error: String(error) },
      "This process can't answer on $SRV of NATS: tools don't find its endpoints, requests do",
    );
  };
}

/** Two components may have the same slug. */
function keyOf({ namespace, component }: EndpointName): string {
  return JSON.stringify([namespace, component]);
}
