import { randomBytes } from "node:crypto";
import { getEventListeners } from "node:events";
import { createNetworkManager, randomInstanceId } from "@dynamo/request-plane-core";
import type {
  CoreSettings,
  EndpointClient,
  EndpointName,
  EndpointRecord,
  EndpointRegistration,
  Handler,
  InstanceId,
  Logger,
  NetworkManager,
  RequestPlaneClient,
  RequestPlaneServer,
  ResponseMode,
  ServedEndpoint,
  ServeOptions,
  SocketAddress,
} from "@dynamo/request-plane-core";
import { FaultProxy } from "../fault-proxy/fault-proxy.ts";
import type { TransportFixture } from "../fixture.ts";
import type { PlaneFacts } from "../plane-facts.ts";
import { referenceHandler } from "../reference/handler.ts";
import type { ReferenceRequest } from "../reference/request.ts";
import { until, within } from "../waiting.ts";
import { LocalDiscovery } from "./local-discovery.ts";
import { Parts } from "./parts.ts";
import { RawRequest } from "./raw-worker.ts";
import type { RawScript, RawWorker } from "./raw-worker.ts";
import { responsesThrough } from "./redirect.ts";

/** A worker that somebody else has started and that serves the reference endpoint. */
export interface ForeignWorker {
  readonly record: EndpointRecord;
  /** Host on which callers listen for its responses. */
  readonly callHomeHost: string;
}

export interface WorldOptions {
  readonly foreign?: ForeignWorker | undefined;
  /** Which way responses come back. Default `auto`. */
  readonly responses?: ResponseMode | undefined;
}

export interface CallerSetup {
  readonly settings?: Partial<CoreSettings>;
  /** Workers call home through this proxy. Each caller needs a proxy of its own. */
  readonly responsesThrough?: FaultProxy;
}

export interface WorkerSetup extends ServeOptions {
  /** Default: the endpoint of this world. */
  readonly name?: EndpointName;
  /** Callers reach the worker through this proxy; its target is set. */
  readonly behind?: FaultProxy;
}

export interface Worker {
  readonly manager: NetworkManager;
  readonly served: ServedEndpoint;
  /** What callers send requests to. */
  readonly record: EndpointRecord;
  readonly id: InstanceId;
}

export interface Caller<Request, Item> {
  readonly manager: NetworkManager;
  readonly client: EndpointClient<Request, Item>;
}

/** Everything that one case opens: managers, servers, clients, proxies. */
export class World {
  readonly discovery = new LocalDiscovery();
  readonly fixture: TransportFixture;
  /** An endpoint that no other case knows. */
  readonly name: EndpointName;
  readonly #foreign: ForeignWorker | undefined;
  readonly #responses: ResponseMode;
  readonly #parts = new Parts();
  readonly #servers: RequestPlaneServer[] = [];
  readonly #disposals: (() => unknown)[] = [];
  readonly #signals: AbortSignal[] = [];

  constructor(fixture: TransportFixture, { foreign, responses = "auto" }: WorldOptions = {}) {
    this.fixture = fixture;
    this.#foreign = foreign;
    this.#responses = responses;
    this.name = {
      namespace: `kit${randomBytes(4).toString("hex")}`,
      component: "conformance",
      endpoint: "generate",
    };
  }

  get facts(): PlaneFacts {
    const { server, client, route } = this.fixture;
    return {
      ownWorker: !this.#foreign,
      hasRoute: route !== undefined,
      brokered: client.capabilities.brokered,
      serverMaxMessageBytes: server.capabilities.maxMessageBytes,
      clientMaxMessageBytes: client.capabilities.maxMessageBytes,
    };
  }

  /** A manager for workers. */
  workerManager(settings: Partial<CoreSettings> = {}): NetworkManager {
    return this.#manager("a worker", { transports: [this.fixture.server], settings });
  }

  /** A manager for callers. */
  callerManager(setup: CallerSetup = {}): NetworkManager {
    const { client } = this.fixture;
    const transport = setup.responsesThrough ? responsesThrough(client, setup.responsesThrough) : client;
    return this.#manager("a caller", { transports: [transport], settings: setup.settings ?? {} });
  }

  async serve<Request, Item>(
    handler: Handler<Request, Item>,
    { name = this.name, behind, ...options }: WorkerSetup = {},
  ): Promise<Worker> {
    const manager = this.workerManager();
    const served = await manager.endpoint<Request, Item>(name).serve(handler, options);
    let record: EndpointRecord = { type: "Endpoint", ...served.instance };
    if (behind) {
      record = { ...record, transport: this.behind(behind, record.transport) };
      this.discovery.put(record);
    }
    return { manager, served, record, id: record.instance_id };
  }

  /** A client that knows all the instances that are there now. */
  async caller<Request = unknown, Item = unknown>(setup: CallerSetup = {}): Promise<Caller<Request, Item>> {
    const manager = this.callerManager(setup);
    const client = manager.endpoint<Request, Item>(this.name).client();
    const count = Math.max(1, this.discovery.size);
    await client.waitForInstances({ count, timeoutMs: 3_000 });
    return { manager, client };
  }

  /** A caller of the reference endpoint, which is served here unless somebody else does. */
  async reference<Item = unknown>(setup: CallerSetup = {}): Promise<Caller<ReferenceRequest, Item>> {
    if (this.discovery.size === 0) {
      if (this.#foreign) this.discovery.put({ ...this.#foreign.record, ...this.name });
      else await this.serve(referenceHandler());
    }
    return this.caller(setup);
  }

  /** A server of the plane that has been started. */
  async server(): Promise<RequestPlaneServer> {
    const server = this.fixture.server.createServer({ logger: SILENT });
    this.#parts.plane("a server", server, () => server.stop());
    this.#servers.push(server);
    await server.start();
    return server;
  }

  /** Stops the servers that were started so far. */
  async stopServers(): Promise<void> {
    await Promise.all(this.#servers.map((server) => within("stop", server.stop())));
  }

  client(): RequestPlaneClient {
    const client = this.fixture.client.createClient({ logger: SILENT });
    this.#parts.plane("a client", client, () => client.close());
    return client;
  }

  /** A registration for the endpoint of this world, with an instance id of its own. */
  registration(
    accept: EndpointRegistration["accept"],
    overrides: Partial<EndpointRegistration> = {},
  ): EndpointRegistration {
    return { ...this.name, instanceId: randomInstanceId(), accept, ...overrides };
  }

  /** A worker whose requests are answered by hand; it shows in discovery. */
  async rawWorker(script: RawScript): Promise<RawWorker> {
    const server = await this.server();
    const requests: RawRequest[] = [];
    const registration = this.registration((inbound) => {
      const request = new RawRequest(inbound, ({ socket }) => this.onEnd(() => socket.destroy()));
      requests.push(request);
      return script(request);
    });
    const address = await server.register(registration);
    const record = this.recordOf(registration.instanceId, address);
    this.discovery.put(record);
    return { address, record, requests };
  }

  recordOf(instanceId: InstanceId, address: string): EndpointRecord {
    return {
      type: "Endpoint",
      ...this.name,
      instance_id: instanceId,
      transport: { [this.fixture.server.scheme]: address },
    };
  }

  async proxy(target: SocketAddress = NOWHERE): Promise<FaultProxy> {
    const proxy = await FaultProxy.start(target);
    this.onEnd(() => proxy.close());
    return proxy;
  }

  /** The transport of a record, by way of the proxy. */
  behind(proxy: FaultProxy, transport: EndpointRecord["transport"]): EndpointRecord["transport"] {
    const { scheme } = this.fixture.server;
    return { [scheme]: this.addressBehind(proxy, transport[scheme] ?? "") };
  }

  addressBehind(proxy: FaultProxy, address: string): string {
    proxy.target = this.#route.target(address);
    return this.#route.through(address, proxy.address);
  }

  /** The address of an endpoint as it would be if its server were there. */
  addressAt(place: SocketAddress, address: string): string {
    return this.#route.through(address, place);
  }

  /** A signal that nobody may listen to when the case is over. */
  controller(): AbortController {
    const controller = new AbortController();
    this.#signals.push(controller.signal);
    return controller;
  }

  /** Runs after everything else is closed. */
  onEnd(dispose: () => unknown): void {
    this.#disposals.push(dispose);
  }

  /** Resolves when no request and no response is under way any more. */
  async quiet(): Promise<void> {
    await this.#parts.quiet();
  }

  /** Closes everything, and rejects when that takes too long or leaves something behind. */
  async close(): Promise<void> {
    try {
      await this.#parts.close();
      await until("nobody listens to the case's signals", () => this.#signals.every(isUnheard), 1_000);
    } finally {
      for (const dispose of this.#disposals) await dispose();
    }
  }

  get #route(): NonNullable<TransportFixture["route"]> {
    const { route } = this.fixture;
    if (!route) throw new Error("This case must require a direct connection");
    return route;
  }

  #manager(
    name: string,
    options: Pick<Parameters<typeof createNetworkManager>[0], "transports" | "settings">,
  ): NetworkManager {
    const manager = createNetworkManager({
      ...options,
      discovery: this.discovery,
      environment: {},
      logger: SILENT,
      settings: {
        responseMode: this.#responses,
        callHomeHost: this.#foreign?.callHomeHost ?? "127.0.0.1",
        ...BOUNDS,
        ...options.settings,
      },
    });
    this.#parts.manager(name, manager);
    return manager;
  }
}

/** Bounds of calls that don't set their own: a case that hangs is to fail with an error that says where. */
const BOUNDS: Partial<CoreSettings> = { establishMs: 4_000, firstItemMs: 4_000, betweenItemsMs: 4_000 };

/** Where nobody listens, for a proxy whose target is set later. */
const NOWHERE: SocketAddress = { host: "127.0.0.1", port: 1 };

const ignore = (): void => undefined;
const SILENT: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

function isUnheard(signal: AbortSignal): boolean {
  return getEventListeners(signal, "abort").length === 0;
}
