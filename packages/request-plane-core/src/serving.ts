/**
 * The endpoints that a process serves: put on a plane, published in discovery, and taken away again.
 */
import type { Discovery } from "./discovery.ts";
import type { EndpointName } from "./endpoint-name.ts";
import type { CloseOptions, Handler, ServedEndpoint, ServeOptions } from "./endpoint.ts";
import { EndpointWorker } from "./endpoint-worker.ts";
import { RequestPlaneError } from "./errors.ts";
import { randomInstanceId } from "./instance.ts";
import type { Instance, InstanceId } from "./instance.ts";
import type { Logger } from "./logger.ts";
import type { PayloadCodec } from "./payload-codec.ts";
import type { Planes } from "./planes.ts";
import { PublishedEndpoint } from "./published-endpoint.ts";
import type { ResponseConnector } from "./response-plane.ts";
import type { WrittenResponses } from "./written-responses.ts";
import { RESPONSE_TRANSPORTS } from "./response-mode.ts";
import type { ResponseMode } from "./response-mode.ts";

export interface ServingOptions {
  readonly planes: Planes;
  readonly discovery: Discovery;
  readonly connector: ResponseConnector;
  /** With `callhome` nothing else is advertised. */
  readonly responseMode: ResponseMode;
  readonly responses: WrittenResponses;
  readonly instanceId: InstanceId;
  /** Requests that one endpoint runs at the same time, unless it says otherwise. */
  readonly maxInFlight: number;
  /** Advertised, and taken beside JSON. */
  readonly payloadCodec: PayloadCodec | undefined;
  readonly logger: Logger;
}

export class Serving {
  readonly #options: ServingOptions;
  readonly #idByScheme = new Map<string, InstanceId>();
  readonly #served = new Set<ServedEndpoint>();
  /** Endpoints that are not served yet, for `close` to wait for. */
  readonly #starting = new Set<Promise<ServedEndpoint>>();
  #isClosed = false;

  constructor(options: ServingOptions) {
    this.#options = options;
  }

  /** Endpoints that are served now. */
  get size(): number {
    return this.#served.size;
  }

  async serve<Request, Item>(
    name: EndpointName,
    handler: Handler<Request, Item>,
    options: ServeOptions,
  ): Promise<ServedEndpoint> {
    const serving = this.#serve(name, handler, options);
    this.#starting.add(serving);
    try {
      return await serving;
    } finally {
      this.#starting.delete(serving);
    }
  }

  /** Takes all endpoints away. Resolves with the errors of those that could not go in good order. */
  async close(options: CloseOptions): Promise<unknown[]> {
    this.#isClosed = true;
    await Promise.allSettled(this.#starting);
    const ends = await Promise.allSettled([...this.#served].map((served) => served.close(options)));
    return ends.flatMap((end) => (end.status === "rejected" ? [end.reason as unknown] : []));
  }

  async #serve<Request, Item>(
    name: EndpointName,
    handler: Handler<Request, Item>,
    options: ServeOptions,
  ): Promise<ServedEndpoint> {
    this.#refuseWhenClosed();
    const { planes, connector, responseMode, responses, logger, maxInFlight, payloadCodec } = this.#options;
    const { scheme, server, inBand } = await planes.server(options.plane);
    this.#refuseWhenClosed();
    const instanceId = options.instanceId ?? this.#idOn(scheme);
    const worker = new EndpointWorker({
      handler,
      maxInFlight: options.maxInFlight ?? maxInFlight,
      connectors: new Map([[connector.transport, connector]]),
      responses,
      payloadCodec,
      logger,
    });
    const address = await server.register({ ...name, instanceId, accept: worker.accept });
    const unplug = (): Promise<void> => server.unregister(address);
    const offered = responseMode === "callhome" ? undefined : inBand;
    try {
      const record = instanceRecord(name, instanceId, { [scheme]: address }, offered);
      const advertised = payloadCodec ? { ...record, request_plane_codec: payloadCodec.name } : record;
      return await this.#publish(advertised, worker, unplug);
    } catch (error) {
      await unplug();
      throw error;
    }
  }

  async #publish(
    instance: Instance,
    worker: EndpointWorker<never, unknown>,
    unplug: () => Promise<void>,
  ): Promise<ServedEndpoint> {
    const registration = await this.#options.discovery.register({ type: "Endpoint", ...instance });
    const served = new PublishedEndpoint({
      instance,
      worker,
      registration,
      unplug: async () => {
        this.#served.delete(served);
        await unplug();
      },
    });
    this.#served.add(served);
    // When all is closed by now, `close` waits for us and takes the endpoint away again.
    this.#refuseWhenClosed();
    return served;
  }

  /** The first plane to be served on has the id of the process. */
  #idOn(scheme: string): InstanceId {
    const known = this.#idByScheme.get(scheme);
    if (known !== undefined) return known;
    const id = this.#idByScheme.size === 0 ? this.#options.instanceId : randomInstanceId();
    this.#idByScheme.set(scheme, id);
    return id;
  }

  #refuseWhenClosed(): void {
    if (this.#isClosed) throw new RequestPlaneError("closed", "The network manager is closed");
  }
}

/** Keys in the order in which Dynamo writes them. */
function instanceRecord(
  { component, endpoint, namespace }: EndpointName,
  id: InstanceId,
  transport: Instance["transport"],
  inBand: string | undefined,
): Instance {
  const record = { component, endpoint, namespace, instance_id: id, transport };
  return inBand === undefined ? record : { ...record, [RESPONSE_TRANSPORTS]: [inBand] };
}
