import { createNetworkManager } from "@dynamo/request-plane-core";
import type {
  CoreSettings,
  EndpointClient,
  EndpointName,
  EndpointRecord,
  Handler,
  InstanceId,
  NetworkManager,
  ResponseMode,
  ServedEndpoint,
  ServeOptions,
} from "@dynamo/request-plane-core";
import type { FaultProxy } from "../fault-proxy/fault-proxy.ts";
import type { TransportFixture } from "../fixture.ts";
import type { PlaneFacts } from "../plane-facts.ts";
import { referenceHandler } from "../reference/handler.ts";
import type { ReferenceRequest } from "../reference/request.ts";
import { RawWorld, SILENT } from "./raw-world.ts";
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

/** Everything that one case opens: managers for workers and callers, beside the raw contract. */
export class World extends RawWorld {
  readonly #foreign: ForeignWorker | undefined;
  readonly #responses: ResponseMode;

  constructor(fixture: TransportFixture, { foreign, responses = "auto" }: WorldOptions = {}) {
    super(fixture);
    this.#foreign = foreign;
    this.#responses = responses;
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
    await client.waitForInstances({ count, timeoutMs: 10_000 });
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
    this.parts.manager(name, manager);
    return manager;
  }
}

/** Bounds of calls that don't set their own: a case that hangs is to fail with an error that says where. */
const BOUNDS: Partial<CoreSettings> = { establishMs: 10_000, firstItemMs: 10_000, betweenItemsMs: 10_000 };
