import { createNetworkManager } from "@dynamo/request-plane-core";
import type {
  CoreSettings,
  EndpointClient,
  Environment,
  Handler,
  InstanceId,
  Logger,
  NetworkManager,
  RequestPlaneError,
  ResponseStream,
  ServedEndpoint,
  ServeOptions,
} from "@dynamo/request-plane-core";
import type { NatsServer } from "@dynamo/nats-server";
import { nats } from "../../src/index.ts";
import type { NatsOptions } from "../../src/index.ts";
import { LocalDiscovery } from "./local-discovery.ts";

export const NAME = "test.backend.generate";

export interface ManagerSetup {
  readonly nats?: NatsOptions;
  readonly settings?: Partial<CoreSettings>;
  readonly environment?: Environment;
}

export interface Worker {
  readonly manager: NetworkManager;
  readonly served: ServedEndpoint;
  readonly id: InstanceId;
}

export interface Caller<Request, Item> {
  readonly manager: NetworkManager;
  readonly client: EndpointClient<Request, Item>;
}

/** Managers of one test on one NATS server; all are closed at the end. */
export class World implements AsyncDisposable {
  readonly discovery = new LocalDiscovery();
  readonly #server: NatsServer;
  readonly #managers: NetworkManager[] = [];

  constructor(server: NatsServer) {
    this.#server = server;
  }

  manager(setup: ManagerSetup = {}): NetworkManager {
    const { environment = {} } = setup;
    const manager = createNetworkManager({
      transports: [nats({ servers: this.#server.url, environment, ...setup.nats })],
      discovery: this.discovery,
      environment,
      settings: { callHomeHost: "127.0.0.1", ...setup.settings },
      logger: recordingLogger().logger,
    });
    this.#managers.push(manager);
    return manager;
  }

  async worker<Request, Item>(
    handler: Handler<Request, Item>,
    setup: ManagerSetup & ServeOptions = {},
  ): Promise<Worker> {
    const manager = this.manager(setup);
    const { maxInFlight } = setup;
    const options = maxInFlight === undefined ? {} : { maxInFlight };
    const served = await manager.endpoint<Request, Item>(NAME).serve(handler, options);
    return { manager, served, id: manager.instanceId };
  }

  /** A client that knows all instances that are registered now. */
  async client<Request = unknown, Item = unknown>(setup: ManagerSetup = {}): Promise<Caller<Request, Item>> {
    const manager = this.manager(setup);
    const client = manager.endpoint<Request, Item>(NAME).client();
    await client.waitForInstances({ count: Math.max(this.discovery.size, 1), timeoutMs: 5_000 });
    return { manager, client };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#managers.map((manager) => manager.close({ drainMs: 0 })));
  }
}

export async function collect<T>(items: AsyncIterable<T> | Promise<ResponseStream<T>>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of await items) collected.push(item);
  return collected;
}

/** The error that a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<RequestPlaneError> {
  return promise.then(
    (value) => {
      throw new Error(`Expected a failure, got ${JSON.stringify(value)}`);
    },
    (error: unknown) => error as RequestPlaneError,
  );
}

export function recordingLogger(): { logger: Logger; warnings: string[] } {
  const warnings: string[] = [];
  const nothing = (): void => undefined;
  const warn = (_facts: object, message: string): void => void warnings.push(message);
  return { logger: { debug: nothing, info: nothing, warn, error: warn }, warnings };
}
