import { randomBytes } from "node:crypto";
import { getEventListeners } from "node:events";
import { randomInstanceId } from "@dynamo/request-plane-core";
import type {
  EndpointName,
  EndpointRecord,
  EndpointRegistration,
  InstanceId,
  Logger,
  RequestPlaneClient,
  RequestPlaneServer,
  SocketAddress,
} from "@dynamo/request-plane-core";
import { FaultProxy } from "../fault-proxy/fault-proxy.ts";
import type { TransportFixture } from "../fixture.ts";
import { PROMPT_MS, until, within } from "../waiting.ts";
import { LocalDiscovery } from "./local-discovery.ts";
import { Parts } from "./parts.ts";
import { RawRequest } from "./raw-worker.ts";
import type { RawScript, RawWorker } from "./raw-worker.ts";

/** What one case opens of the raw contract: servers and clients of the plane, and proxies between them. */
export class RawWorld {
  readonly discovery = new LocalDiscovery();
  readonly fixture: TransportFixture;
  /** An endpoint that no other case knows. */
  readonly name: EndpointName;
  protected readonly parts = new Parts();
  readonly #servers: RequestPlaneServer[] = [];
  readonly #disposals: (() => unknown)[] = [];
  readonly #signals: AbortSignal[] = [];

  constructor(fixture: TransportFixture) {
    this.fixture = fixture;
    this.name = {
      namespace: `kit${randomBytes(4).toString("hex")}`,
      component: "conformance",
      endpoint: "generate",
    };
  }

  /** A server of the plane that has been started. */
  async server(): Promise<RequestPlaneServer> {
    const server = this.fixture.server.createServer({ logger: SILENT });
    this.parts.plane("a server", server, () => server.stop());
    this.#servers.push(server);
    await server.start();
    return server;
  }

  /** Stops the servers that were started so far. */
  async stopServers(): Promise<void> {
    await Promise.all(this.#servers.map((server) => within("stop", server.stop(), PROMPT_MS)));
  }

  client(): RequestPlaneClient {
    const client = this.fixture.client.createClient({ logger: SILENT });
    this.parts.plane("a client", client, () => client.close());
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
    await this.parts.quiet();
  }

  /** Closes everything, and rejects when that takes too long or leaves something behind. */
  async close(): Promise<void> {
    try {
      await this.parts.close();
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
}

/** Where nobody listens, for a proxy whose target is set later. */
const NOWHERE: SocketAddress = { host: "127.0.0.1", port: 1 };

const ignore = (): void => undefined;
export const SILENT: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

function isUnheard(signal: AbortSignal): boolean {
  return getEventListeners(signal, "abort").length === 0;
}
