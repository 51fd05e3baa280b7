import { createNetworkManager } from "@dynamo/request-plane-core";
import type {
  CoreSettings,
  EndpointClient,
  Environment,
  Handler,
  Instance,
  InstanceId,
  Logger,
  ManagerHealth,
  NetworkManager,
  RequestPlaneError,
  ResponseStream,
  ServedEndpoint,
  ServeOptions,
} from "@dynamo/request-plane-core";
import { http } from "../../src/index.ts";
import type { HttpOptions } from "../../src/index.ts";
import { LocalDiscovery } from "./local-discovery.ts";
import { until } from "./until.ts";

export const NAME = "test.backend.generate";

export interface ManagerSetup {
  readonly http?: HttpOptions;
  readonly settings?: Partial<CoreSettings>;
  readonly environment?: Environment;
  readonly instanceId?: InstanceId;
}

/** A worker and the endpoint it serves. */
export interface Worker {
  readonly manager: NetworkManager;
  readonly served: ServedEndpoint;
  readonly id: InstanceId;
}

/** Managers of one test on loopback, with ports that the system picks; all are closed at the end. */
export class World implements AsyncDisposable {
  readonly discovery = new LocalDiscovery();
  readonly #managers: NetworkManager[] = [];
  readonly #disposals: (() => Promise<void>)[] = [];

  manager(setup: ManagerSetup = {}): NetworkManager {
    const { environment = {}, instanceId } = setup;
    const manager = createNetworkManager({
      transports: [http({ host: "127.0.0.1", port: 0, environment, ...setup.http })],
      discovery: this.discovery,
      environment,
      settings: { callHomeHost: "127.0.0.1", ...setup.settings },
      logger: recordingLogger().logger,
      ...(instanceId !== undefined && { instanceId }),
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

  /** Runs at the end, before the managers are closed. */
  onEnd(dispose: () => Promise<void>): void {
    this.#disposals.push(dispose);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const dispose of this.#disposals) await dispose();
    await Promise.all(this.#managers.map((manager) => manager.close({ drainMs: 0 })));
  }
}

export interface Caller<Request, Item> {
  readonly manager: NetworkManager;
  readonly client: EndpointClient<Request, Item>;
}

/** Instance ids that sort as they are written. */
export function idOf(number: number): InstanceId {
  return 0xa000_0000_0000_0000n + BigInt(number);
}

export function addressOf(instance: Instance): string {
  return Object.values(instance.transport)[0]!;
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

/** Requests and responses under way; connections of the pools may stay. */
export function busy(health: ManagerHealth): number {
  const pending = Object.values(health.planes).reduce((total, plane) => total + plane.pending, 0);
  return pending + health.responsesAwaited + health.responsesWritten;
}

export function connectionsOf(manager: NetworkManager): number {
  return manager.health().planes["http"]!.connections;
}

export async function settled(...managers: NetworkManager[]): Promise<void> {
  await until("nothing is under way", () => managers.every((manager) => busy(manager.health()) === 0));
}

export function recordingLogger(): { logger: Logger; warnings: string[] } {
  const warnings: string[] = [];
  const nothing = (): void => undefined;
  const warn = (_facts: object, message: string): void => void warnings.push(message);
  return { logger: { debug: nothing, info: nothing, warn, error: warn }, warnings };
}
