import { RequestPlaneError } from "./errors.ts";
import { LinkedList } from "./linked-list.ts";
import type { Logger } from "./logger.ts";
import { answer, decodeRequest } from "./request-handling.ts";
import type { Answering, DecodedRequest } from "./request-handling.ts";
import type { OnOver, ResponseConnector, ResponseWriter } from "./response-plane.ts";
import type { InboundRequest } from "./transport.ts";
import { ControlMessageDecoder } from "./wire/control-message.ts";
import type { ConnectionInfo } from "./wire/control-message.ts";

export interface EndpointWorkerOptions<Request, Item> extends Answering<Request, Item> {
  /** Requests at the same time; more are refused. */
  readonly maxInFlight: number;
  /** The ways to bring responses back besides the request's own, by their name in `connection_info.transport`. */
  readonly connectors: ReadonlyMap<string, ResponseConnector>;
  readonly logger: Logger;
}

/** Takes the requests of one endpoint of one instance, and knows which are running. */
export class EndpointWorker<Request, Item> {
  readonly #options: EndpointWorkerOptions<Request, Item>;
  readonly #decoder = new ControlMessageDecoder();
  readonly #running = new LinkedList<ResponseWriter>();
  #whenIdle: (() => void) | undefined;

  constructor(options: EndpointWorkerOptions<Request, Item>) {
    this.#options = options;
  }

  get inFlight(): number {
    return this.#running.size;
  }

  /** See `RequestAcceptor`. */
  readonly accept = (inbound: InboundRequest): RequestPlaneError | undefined => {
    if (this.#running.size >= this.#options.maxInFlight) return this.#overloaded();
    try {
      const { request, connectionInfo } = decodeRequest(inbound, this.#decoder);
      const connector = this.#connectorFor(connectionInfo, inbound.connector);
      const writer = connector.connect(connectionInfo, request.id);
      this.#run(request, writer, connector === inbound.connector);
      return undefined;
    } catch (error) {
      return RequestPlaneError.from(error);
    }
  };

  /** Resolves when nothing is running, or after `drainMs`. */
  async drain(drainMs: number): Promise<void> {
    if (this.#running.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, drainMs);
      this.#whenIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#whenIdle = undefined;
  }

  /** Ends what is still running without saying that it is whole, so that callers see an error. */
  cut(): void {
    for (const writer of this.#running) {
      writer.controlled?.control("kill");
      writer.abort();
    }
  }

  #connectorFor({ transport }: ConnectionInfo, own: ResponseConnector | undefined): ResponseConnector {
    const connector = own?.transport === transport ? own : this.#options.connectors.get(transport);
    if (connector) return connector;
    throw new RequestPlaneError("protocol_error", `This worker has no response transport '${transport}'`);
  }

  #run(request: DecodedRequest, writer: ResponseWriter, isInBand: boolean): void {
    const { responses, logger } = this.#options;
    const link = this.#running.add(writer);
    if (isInBand) responses.inBand += 1;
    const onOver: OnOver = (lost) => {
      if (lost) logger.debug({ requestId: request.id, error: lost }, "The caller was lost");
      if (isInBand) responses.inBand -= 1;
      this.#running.remove(link);
      if (this.#running.size === 0) this.#whenIdle?.();
    };
    void answer(this.#options, request, writer, onOver);
  }

  #overloaded(): RequestPlaneError {
    return new RequestPlaneError("overloaded", "worker at capacity", {
      facts: { limit: this.#options.maxInFlight, setting: "DYN_ENGINE_REQUEST_LIMIT" },
    });
  }
}
