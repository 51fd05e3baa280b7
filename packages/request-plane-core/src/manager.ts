/**
 * The one place where the request plane is put together: it starts servers, clients and the response plane
 * when they are first needed, picks the client by what an instance advertises, and ends all of them.
 */
import { CallHomeConnector } from "./call-home/connector.ts";
import { CallHomeListener } from "./call-home/listener.ts";
import type { Caller } from "./call.ts";
import { CORE_SETTINGS } from "./core-settings.ts";
import type { Discovery } from "./discovery.ts";
import { parseEndpointName } from "./endpoint-name.ts";
import type { EndpointName, EndpointNameLike } from "./endpoint-name.ts";
import type { CloseOptions, Endpoint, EndpointClient } from "./endpoint.ts";
import { RoutedClient } from "./endpoint-client.ts";
import { RequestPlaneError } from "./errors.ts";
import { randomInstanceId } from "./instance.ts";
import type { InstanceId } from "./instance.ts";
import { defaultLogger } from "./logger.ts";
import type { Logger } from "./logger.ts";
import type { PayloadCodec } from "./payload-codec.ts";
import { Planes } from "./planes.ts";
import { Routes } from "./route.ts";
import { Serving } from "./serving.ts";
import { override, readSettings } from "./settings.ts";
import type { Environment, SettingsOf } from "./settings.ts";
import type { Timeouts } from "./timeouts.ts";
import type { PlaneHealth, Transport } from "./transport.ts";
import { Waits } from "./waits.ts";
import { WrittenResponses } from "./written-responses.ts";

export type CoreSettings = SettingsOf<typeof CORE_SETTINGS>;

export interface NetworkManagerOptions {
  /** The planes this process can speak. At least one. */
  readonly transports: readonly Transport[];
  /** Where instances are found and registered. */
  readonly discovery: Discovery;
  /** Name of the plane on which endpoints are served unless they say otherwise. Default: the first of `transports`. */
  readonly serve?: string;
  /** Default of every endpoint this manager serves. Default: random, as Dynamo's file and memory stores do. */
  readonly instanceId?: InstanceId;
  /**
   * A codec beside JSON, such as `msgpack` of `@dynamo/request-plane-core/msgpack`. Endpoints advertise it and take
   * both; instances that advertise it are sent it. Default: none, so that everything is JSON.
   */
  readonly payloadCodec?: PayloadCodec;
  readonly logger?: Logger;
  /** Where settings are read from, once. Default: `process.env`. */
  readonly environment?: Environment;
  /** Settings given in code; they win over the environment. */
  readonly settings?: Partial<CoreSettings>;
}

/** Numbers of everything that is open. All are zero after `close()`. */
export interface ManagerHealth {
  /** Per plane: connections and unacknowledged requests, server and client together. */
  readonly planes: Readonly<Record<string, PlaneHealth>>;
  /** Responses that callers of this process wait for or read. */
  readonly responsesAwaited: number;
  /** Responses that endpoints of this process write. */
  readonly responsesWritten: number;
  readonly servedEndpoints: number;
  readonly clients: number;
}

export interface NetworkManager extends AsyncDisposable {
  /** Default instance id of this process. */
  readonly instanceId: InstanceId;
  readonly discovery: Discovery;
  /** An endpoint by its dotted name. Throws `invalid_argument` for a name that isn't one. */
  endpoint<Request = unknown, Item = unknown>(name: EndpointNameLike): Endpoint<Request, Item>;
  health(): ManagerHealth;
  /**
   * Ends everything this manager started, in this order: endpoints leave discovery and finish what runs,
   * servers, clients, response plane. The discovery backend is the caller's to close. Never rejects.
   */
  close(options?: CloseOptions): Promise<void>;
}

/** Throws `invalid_configuration` when the options name no transport, one twice, or an unknown `serve`. */
export function createNetworkManager(options: NetworkManagerOptions): NetworkManager {
  return new Manager(options);
}

class Manager implements NetworkManager {
  readonly instanceId: InstanceId;
  readonly discovery: Discovery;
  readonly #logger: Logger;
  readonly #settings: CoreSettings;
  readonly #planes: Planes;
  readonly #listener: CallHomeListener;
  readonly #connector: CallHomeConnector;
  readonly #written: WrittenResponses;
  readonly #serving: Serving;
  readonly #clients = new Set<EndpointClient<never>>();
  readonly #caller: Caller;
  #closed: Promise<void> | undefined;

  constructor(options: NetworkManagerOptions) {
    this.#logger = options.logger ?? defaultLogger;
    this.discovery = options.discovery;
    this.instanceId = options.instanceId ?? randomInstanceId();
    const read = readSettings(CORE_SETTINGS, options.environment ?? process.env, this.#logger);
    this.#settings = override(read, options.settings ?? {}, CORE_SETTINGS);
    this.#planes = new Planes(options.transports, options.serve, { logger: this.#logger });
    this.#connector = new CallHomeConnector(this.#settings.responseStallMs);
    this.#written = new WrittenResponses(this.#settings.responseStallMs);
    this.#serving = new Serving({
      planes: this.#planes,
      discovery: this.discovery,
      connector: this.#connector,
      responses: this.#written,
      responseMode: this.#settings.responseMode,
      instanceId: this.instanceId,
      maxInFlight: this.#settings.engineRequestLimit,
      payloadCodec: options.payloadCodec,
      logger: this.#logger,
    });
    this.#listener = new CallHomeListener({
      host: this.#settings.callHomeHost,
      advertiseHost: this.#settings.callHomeAdvertiseHost,
      port: this.#settings.callHomePort,
      maxMessageBytes: this.#settings.maxResponseMessageBytes,
    });
    this.#caller = {
      callHome: this.#listener,
      routes: new Routes(this.#planes, this.#settings.responseMode, options.payloadCodec),
      payloadCodec: options.payloadCodec,
      timeouts: timeoutsOf(this.#settings),
      waits: new Waits(),
      limits: {
        bufferBytes: this.#settings.responseBufferBytes,
        maxFrameBytes: this.#settings.maxResponseMessageBytes,
      },
      inBandResponses: 0,
    };
  }

  endpoint<Request, Item>(nameLike: EndpointNameLike): Endpoint<Request, Item> {
    const name = parseEndpointName(nameLike);
    return {
      name,
      serve: (handler, options) => this.#serving.serve(name, handler, options ?? {}),
      client: () => this.#client(name),
    };
  }

  health(): ManagerHealth {
    return {
      planes: this.#planes.health(),
      responsesAwaited: this.#listener.size + this.#caller.inBandResponses,
      responsesWritten: this.#connector.size + this.#written.inBand,
      servedEndpoints: this.#serving.size,
      clients: this.#clients.size,
    };
  }

  close(options: CloseOptions = {}): Promise<void> {
    this.#closed ??= this.#close(options);
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(options: CloseOptions): Promise<void> {
    for (const error of await this.#serving.close(options)) {
      this.#logger.error({ error: String(error) }, "An endpoint was not closed in good order");
    }
    await Promise.all([...this.#clients].map((client) => client.close()));
    await this.#planes.close();
    await this.#listener.close();
    this.#connector.close();
    this.#written.close();
    this.#caller.waits.close();
  }

  #client<Request, Item>(name: EndpointName): EndpointClient<Request, Item> {
    this.#refuseWhenClosed();
    const client = new RoutedClient<Request, Item>(name, this.discovery, this.#caller, () =>
      this.#clients.delete(client),
    );
    this.#clients.add(client);
    return client;
  }

  #refuseWhenClosed(): void {
    if (this.#closed) throw new RequestPlaneError("closed", "The network manager is closed");
  }
}

function timeoutsOf({ establishMs, firstItemMs, betweenItemsMs, totalMs }: CoreSettings): Timeouts {
  return { establishMs, firstItemMs, betweenItemsMs, totalMs };
}
