import { RequestPlaneError } from "./errors.ts";
import { formatInstanceId } from "./instance.ts";
import type { Instance } from "./instance.ts";
import type {
  PlaneHealth,
  RequestPlaneClient,
  RequestPlaneServer,
  Transport,
  TransportComponents,
} from "./transport.ts";

/** A server that listens, and the key of its addresses in instance records. */
export interface StartedServer {
  readonly scheme: string;
  readonly server: RequestPlaneServer;
  /** See {@link TransportCapabilities.inBand}. */
  readonly inBand: string | undefined;
}

export interface PlaneClient {
  readonly client: RequestPlaneClient;
  readonly inBand: string | undefined;
}

/** The package that has a plane, by the key of its addresses. */
const PACKAGES: Readonly<Record<string, string>> = {
  tcp: "@dynamo/request-plane-tcp",
  nats_tcp: "@dynamo/request-plane-nats",
  http: "@dynamo/request-plane-http",
};

/** The transports of a process: one client and one server each, made when they are first needed. */
export class Planes {
  readonly #byScheme = new Map<string, Transport>();
  readonly #serving: Transport;
  readonly #components: TransportComponents;
  readonly #clients = new Map<string, PlaneClient>();
  readonly #servers = new Map<string, Promise<StartedServer>>();
  readonly #started = new Map<string, RequestPlaneServer>();

  constructor(transports: readonly Transport[], serve: string | undefined, components: TransportComponents) {
    for (const transport of transports) {
      if (this.#byScheme.has(transport.scheme)) throw invalid(`Transport '${transport.name}' is given twice`);
      this.#byScheme.set(transport.scheme, transport);
    }
    const [first] = transports;
    if (!first) throw invalid("No transport is given");
    this.#components = components;
    this.#serving = this.#named(serve ?? first.name);
  }

  /**
   * The server of a plane, or of the one that serves by default. Throws `invalid_configuration` for a plane
   * that wasn't given. Rejects with what the start rejects with; the next call tries again.
   */
  server(plane?: string): Promise<StartedServer> {
    const transport = plane === undefined ? this.#serving : this.#named(plane);
    const { scheme } = transport;
    const existing = this.#servers.get(scheme);
    if (existing) return existing;
    const starting = this.#start(transport).catch((error: unknown) => {
      this.#servers.delete(scheme);
      throw error;
    });
    this.#servers.set(scheme, starting);
    return starting;
  }

  clientFor(instance: Instance): PlaneClient {
    const scheme = Object.keys(instance.transport)[0] ?? "";
    const existing = this.#clients.get(scheme);
    if (existing) return existing;
    const transport = this.#byScheme.get(scheme);
    if (!transport) throw unknownScheme(scheme, instance);
    const client = transport.createClient(this.#components);
    const made: PlaneClient = { client, inBand: transport.capabilities.inBand };
    this.#clients.set(scheme, made);
    return made;
  }

  health(): Readonly<Record<string, PlaneHealth>> {
    const health: Record<string, PlaneHealth> = {};
    for (const [scheme, { name }] of this.#byScheme) {
      const parts = [this.#clients.get(scheme)?.client, this.#started.get(scheme)];
      health[name] = sum(parts.flatMap((part) => (part ? [part.health()] : [])));
    }
    return health;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#servers.values());
    await Promise.all([...this.#started.values()].map((server) => server.stop()));
    await Promise.all([...this.#clients.values()].map(({ client }) => client.close()));
  }

  #named(name: string): Transport {
    const all = [...this.#byScheme.values()];
    const transport = all.find((one) => one.name === name);
    if (transport) return transport;
    throw invalid(`No transport '${name}' among ${all.map((one) => `'${one.name}'`).join(", ")}`);
  }

  async #start(transport: Transport): Promise<StartedServer> {
    const { scheme } = transport;
    const server = transport.createServer(this.#components);
    try {
      await server.start();
    } catch (error) {
      // Whatever it had opened by then.
      await server.stop();
      throw error;
    }
    this.#started.set(scheme, server);
    return { scheme, server, inBand: transport.capabilities.inBand };
  }
}

function sum(parts: readonly PlaneHealth[]): PlaneHealth {
  return {
    connections: parts.reduce((total, part) => total + part.connections, 0),
    pending: parts.reduce((total, part) => total + part.pending, 0),
  };
}

function unknownScheme(scheme: string, instance: Instance): RequestPlaneError {
  const id = formatInstanceId(instance.instance_id);
  const name = Object.hasOwn(PACKAGES, scheme) ? PACKAGES[scheme] : undefined;
  const advice = name ? `; add ${name} to the transports of this process` : "";
  return new RequestPlaneError("cannot_connect", `Instance ${id} takes requests over '${scheme}'${advice}`, {
    facts: { instance: id, address: Object.values(instance.transport)[0] ?? "" },
  });
}

function invalid(message: string): RequestPlaneError {
  return new RequestPlaneError("invalid_configuration", message);
}
