import { createNetworkManager } from "@dynamo/request-plane-core";
import type {
  CoreSettings,
  EndpointClient,
  Environment,
  Handler,
  InstanceId,
  Logger,
  NetworkManager,
  PayloadCodec,
  ServedEndpoint,
  ServeOptions,
  Transport,
} from "@dynamo/request-plane-core";
import { LocalDiscovery } from "./local-discovery.ts";
import { recordingLogger } from "./recording-logger.ts";

export const NAME = "test.backend.generate";

export interface WorldSetup {
  readonly settings?: Partial<CoreSettings>;
  readonly environment?: Environment;
  readonly instanceId?: InstanceId;
  readonly payloadCodec?: PayloadCodec;
  /** Default: one that nobody reads. */
  readonly logger?: Logger;
}

/** A worker and the endpoint it serves. */
export interface Worker {
  readonly manager: NetworkManager;
  readonly served: ServedEndpoint;
  readonly id: InstanceId;
}

export interface Caller<Request, Item> {
  readonly manager: NetworkManager;
  readonly client: EndpointClient<Request, Item>;
}

/**
 * Managers of one test on loopback; all are closed at the end. Each plane's tests have a subclass, whose `Setup`
 * has the options of its transport.
 */
export abstract class TransportWorld<Setup extends WorldSetup> implements AsyncDisposable {
  readonly discovery = new LocalDiscovery();
  readonly #managers: NetworkManager[] = [];
  readonly #disposals: (() => Promise<void>)[] = [];

  /** The transport of one manager. */
  protected abstract transport(setup: Partial<Setup>, environment: Environment): Transport;

  manager(setup: Partial<Setup> = {}): NetworkManager {
    const { environment = {}, instanceId, payloadCodec, logger = recordingLogger().logger } = setup;
    const manager = createNetworkManager({
      transports: [this.transport(setup, environment)],
      discovery: this.discovery,
      environment,
      settings: { callHomeHost: "127.0.0.1", ...setup.settings },
      logger,
      ...(instanceId !== undefined && { instanceId }),
      ...(payloadCodec && { payloadCodec }),
    });
    this.#managers.push(manager);
    return manager;
  }

  async worker<Request, Item>(
    handler: Handler<Request, Item>,
    setup: Partial<Setup> & ServeOptions = {},
  ): Promise<Worker> {
    const manager = this.manager(setup);
    const { maxInFlight } = setup;
    const options = maxInFlight === undefined ? {} : { maxInFlight };
    const served = await manager.endpoint<Request, Item>(NAME).serve(handler, options);
    return { manager, served, id: manager.instanceId };
  }

  /** A client that knows all instances that are registered now. */
  async client<Request = unknown, Item = unknown>(
    setup: Partial<Setup> = {},
  ): Promise<Caller<Request, Item>> {
    const manager = this.manager(setup);
    const client = manager.endpoint<Request, Item>(NAME).client();
    await client.waitForInstances({ count: Math.max(this.discovery.size, 1), timeoutMs: 20_000 });
    return { manager, client };
  }

  /** Runs at the end, before the managers are closed. */
  onEnd(dispose: () => Promise<void>): void {
    this.#disposals.push(dispose);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const dispose of this.#disposals) await dispose();
    await Promise.all(this.#managers.map((manager) => manager.close({ drainMs: 0 })));
  }
}
