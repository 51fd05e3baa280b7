/**
 * A caller made of our packages, in this process.
 */
import { createNetworkManager } from "@dynamo/request-plane-core";
import { fileDiscovery } from "@dynamo/discovery";
import type {
  Discovery,
  EndpointClient,
  EndpointRecord,
  NetworkManager,
  PayloadCodec,
} from "@dynamo/request-plane-core";
import { layoutOf } from "../releases.ts";
import type { Site } from "../site.ts";
import { transportFor } from "./transports.ts";

/** A worker that doesn't begin or goes silent fails a cell, long before the cell's own time is over. */
const BOUNDS = { establishMs: 20_000, firstItemMs: 20_000, betweenItemsMs: 20_000 };

export class OurCaller implements AsyncDisposable {
  readonly manager: NetworkManager;
  readonly discovery: Discovery;
  readonly #clients = new Map<string, EndpointClient>();

  /** Requests are JSON, unless another codec is given and a worker advertises it. */
  constructor(discovery: Discovery, site: Site, payloadCodec?: PayloadCodec) {
    this.discovery = discovery;
    this.manager = createNetworkManager({
      transports: [transportFor(site.plane, site.release, site.surroundings.natsUrl)],
      discovery,
      ...(payloadCodec && { payloadCodec }),
      environment: {},
      settings: { callHomeHost: "127.0.0.1", ...BOUNDS },
    });
  }

  /** A client that knows an instance. */
  async client<Request, Item>(endpoint: string): Promise<EndpointClient<Request, Item>> {
    const known = this.#clients.get(endpoint) ?? this.manager.endpoint(endpoint).client();
    this.#clients.set(endpoint, known);
    await known.waitForInstances({ timeoutMs: 30_000 });
    return known as EndpointClient<Request, Item>;
  }

  /** The record of an endpoint's only instance. */
  async recordOf(endpoint: string): Promise<EndpointRecord> {
    const client = await this.client(endpoint);
    const [instance] = client.instances();
    if (!instance) throw new Error(`${endpoint} has left discovery`);
    return { type: "Endpoint", ...instance };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager.close({ drainMs: 0 });
    await this.discovery.close();
  }
}

export async function ourCaller(site: Site): Promise<OurCaller> {
  return new OurCaller(fileDiscovery({ root: site.discoveryRoot, layout: layoutOf(site.release) }), site);
}
