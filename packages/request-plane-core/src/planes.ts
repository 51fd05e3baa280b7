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
}

/** The package that has a plane, by the key of its addresses. */
const PACKAGES: Readonly<Record<string, string>> = {
  tcp: "@dynamo/request-plane-tcp",
  nats_tcp: "@dynamo/request-plane-nats",
  http: "@dynamo/request-plane-http",
};

/** The transports of a process: one client each, and one server, made when they are first needed. */
export class Planes {
  readonly #byScheme = new Map<string, Transport>();
  readonly #serving: Transport;
  readonly #components: TransportComponents;
  readonly #clients = new Map<string, RequestPlaneClient>();
  #server: Promise<StartedServer> | undefined;
  #started: StartedServer | undefined;

  constructor(transports: readonly Transport[], serve: string | undefined, components: TransportComponents) {
    for (const transport of transports) {
      if (this.#byScheme.has(transport.scheme)) throw invalid(`Transport '${transport.name}' is given twice`);
      this.#byScheme.set(transport.scheme, transport);
    }
    const names = transports.map((transport) => `'${transport.name}'`).join(", ");
    const serving = serve === undefined ? transports[0] : transports.find(({ name }) => name === serve);
    if (!serving) {
      throw invalid(serve === undefined ? "No transport is given" : `No transport '${serve}' among ${names}`);
    }
    this.#serving = serving;
    this.#components = components;
  }

  /** Rejects with what the start rejects with; the next call tries again. */
  server(): Promise<StartedServer> {
    this.#server ??= this.#start().catch((error: unknown) => {
      this.#server = undefined;
      throw error;
    });
    return this.#server;
  }

  clientFor(instance: Instance): RequestPlaneClient {
    const scheme = Object.keys(instance.transport)[0] ?? "";
    const existing = this.#clients.get(scheme);
    if (existing) return existing;
    const transport = this.#byScheme.get(scheme);
    if (!transport) throw unknownScheme(scheme, instance);
    const client = transport.createClient(this.#components);
    this.#clients.set(scheme, client);
    return client;
  }

  health(): Readonly<Record<string, PlaneHealth>> {
    const health: Record<string, PlaneHealth> = {};
    for (const [scheme, { name }] of this.#byScheme) {
      const parts = [
        this.#clients.get(scheme),
        scheme === this.#started?.scheme ? this.#started.server : undefined,
      ];
      health[name] = sum(parts.flatMap((part) => (part ? [part.health()] : [])));
    }
    return health;
  }

  async close(): Promise<void> {
    const started = await this.#server?.catch(() => undefined);
    await started?.server.stop();
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
  }

  async #start(): Promise<StartedServer> {
    const server = this.#serving.createServer(this.#components);
    await server.start();
    this.#started = { scheme: this.#serving.scheme, server };
    return this.#started;
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
