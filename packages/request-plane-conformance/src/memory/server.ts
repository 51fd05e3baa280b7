import { RequestPlaneError } from "@dynamo/request-plane-core";
import type {
  EndpointRegistration,
  InboundRequest,
  PlaneHealth,
  RequestAcceptor,
  RequestPlaneServer,
} from "@dynamo/request-plane-core";
import { memoryAddress } from "./address.ts";

/** What a server tells a client whose connection it closes. */
export type OnLost = () => void;

/** The servers of one memory plane, by name. */
export type Servers = Map<string, MemoryServer>;

export class MemoryServer implements RequestPlaneServer {
  readonly #servers: Servers;
  readonly #maxMessageBytes: number;
  readonly #acceptors = new Map<string, RequestAcceptor>();
  readonly #connections = new Set<OnLost>();
  #name = "";

  constructor(servers: Servers, maxMessageBytes: number) {
    this.#servers = servers;
    this.#maxMessageBytes = maxMessageBytes;
  }

  async start(): Promise<void> {
    for (let number = 1; this.#name === ""; number += 1) {
      if (!this.#servers.has(`server-${number}`)) this.#name = `server-${number}`;
    }
    this.#servers.set(this.#name, this);
  }

  async register(registration: EndpointRegistration): Promise<string> {
    const address = memoryAddress(this.#name, registration);
    if (this.#acceptors.has(address)) {
      throw new RequestPlaneError("conflict", `${address} is served already`, { facts: { address } });
    }
    this.#acceptors.set(address, registration.accept);
    return address;
  }

  async unregister(address: string): Promise<void> {
    this.#acceptors.delete(address);
  }

  async stop(): Promise<void> {
    this.#acceptors.clear();
    if (this.#servers.get(this.#name) === this) this.#servers.delete(this.#name);
    for (const onLost of [...this.#connections]) onLost();
    this.#connections.clear();
  }

  health(): PlaneHealth {
    return { connections: this.#connections.size, pending: 0 };
  }

  /** Opens a connection; the function it is known by is called when this side closes it. */
  connect(onLost: OnLost): void {
    this.#connections.add(onLost);
  }

  disconnect(onLost: OnLost): void {
    this.#connections.delete(onLost);
  }

  /** The answer to a request: nothing for "accepted", else the refusal. */
  answer(address: string, request: InboundRequest): RequestPlaneError | undefined {
    const limit = this.#maxMessageBytes;
    const actual = request.envelope.length;
    if (actual > limit) {
      const facts = { limit, actual, setting: "maxMessageBytes" };
      return new RequestPlaneError("payload_too_large", `${actual} bytes are more than ${limit}`, { facts });
    }
    const accept = this.#acceptors.get(address);
    return accept ? accept(request) : new RequestPlaneError("unknown_endpoint", `No endpoint ${address}`);
  }
}
