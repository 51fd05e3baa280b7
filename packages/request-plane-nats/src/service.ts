/**
 * A component as a service of NATS: answers to `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS`, which tools use to find
 * services and to watch them. Source: NATS's ADR-32; the names that Dynamo gives: wire-protocol notes, section 4.1.
 *
 * `@nats-io/services` is not used: it subscribes to the endpoints by itself and can't take one away again, ends the
 * whole service when the server doesn't allow one of its subjects, and exists as a prerelease only, which brings a
 * second copy of the client's core.
 */
import { readFileSync } from "node:fs";
import { nuid } from "@nats-io/transport-node";
import type { Msg, NatsConnection, Subscription } from "@nats-io/transport-node";
import type { EndpointName } from "@dynamo/request-plane-core";
import { EndpointStats } from "./endpoint-stats.ts";
import { serviceName } from "./subject.ts";

/** Dynamo's: of several subscribers with the same name one is asked. */
export const QUEUE_GROUP = "q";

type Verb = "PING" | "INFO" | "STATS";

export class Service {
  readonly #description: string;
  readonly #identity: { readonly name: string; readonly id: string; readonly version: string };
  readonly #started = new Date().toISOString();
  readonly #endpoints = new Map<string, EndpointStats>();
  readonly #subscriptions: readonly Subscription[];

  /** `onError` is told of each subject that the server doesn't allow, and of answers that could not be sent. */
  constructor(
    connection: NatsConnection,
    { namespace, component }: EndpointName,
    onError: (error: unknown) => void,
  ) {
    const name = serviceName(namespace, component);
    this.#identity = { name, id: nuid.next(), version: packageVersion() };
    this.#description = `Dynamo component ${component} in namespace ${namespace}`;
    const addressed = ["", `.${name}`, `.${name}.${this.#identity.id}`];
    this.#subscriptions = (["PING", "INFO", "STATS"] as const).flatMap((verb) => {
      // What is thrown here would end the connection's reader.
      const callback = (error: Error | null, message: Msg): void => {
        try {
          if (error) onError(error);
          else message.respond(JSON.stringify(this.#answer(verb)));
        } catch (failure) {
          onError(failure);
        }
      };
      return addressed.map((suffix) => connection.subscribe(`$SRV.${verb}${suffix}`, { callback }));
    });
  }

  get isEmpty(): boolean {
    return this.#endpoints.size === 0;
  }

  add(subject: string): EndpointStats {
    const stats = new EndpointStats();
    this.#endpoints.set(subject, stats);
    return stats;
  }

  remove(subject: string): void {
    this.#endpoints.delete(subject);
  }

  /** Takes the answers away. */
  stop(): void {
    for (const subscription of this.#subscriptions) {
      if (!subscription.isClosed()) subscription.unsubscribe();
    }
  }

  #answer(verb: Verb): object {
    const identity = {
      type: `io.nats.micro.v1.${verb.toLowerCase()}_response`,
      ...this.#identity,
      metadata: {},
    };
    if (verb === "PING") return identity;
    // An endpoint of Dynamo's has its whole subject for a name.
    const endpoints = [...this.#endpoints].map(([subject, stats]) => ({
      ...{ name: subject, subject, queue_group: QUEUE_GROUP },
      ...(verb === "INFO" ? { metadata: {} } : stats.toJSON()),
    }));
    if (verb === "INFO") return { ...identity, description: this.#description, endpoints };
    return { ...identity, started: this.#started, endpoints };
  }
}

function packageVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
