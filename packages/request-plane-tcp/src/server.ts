import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import {
  ExpiryQueue,
  formatSocketAddress,
  listen,
  RequestPlaneError,
  resolveHosts,
} from "@dynamo/request-plane-core";
import type {
  EndpointRegistration,
  PlaneHealth,
  RequestAcceptor,
  RequestPlaneServer,
} from "@dynamo/request-plane-core";
import { pathOf } from "./address.ts";
import type { PathForm } from "./address.ts";
import { outputBuffers } from "./in-band/frame-output.ts";
import { InBandServerConnection } from "./in-band/server-connection.ts";
import { ServerConnection } from "./server-connection.ts";

export interface TcpServerOptions {
  readonly host: string | undefined;
  readonly advertiseHost: string | undefined;
  readonly port: number;
  readonly maxMessageBytes: number;
  readonly pathForm: PathForm;
}

/** How long a request frame may take from its first byte to its last. */
const FRAME_TIMEOUT_MS = 60_000;

/** One listener for all endpoints and instances of a process, in both frame dialects. */
export class TcpServer implements RequestPlaneServer {
  readonly #options: TcpServerOptions;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  readonly #switched = new Map<Socket, InBandServerConnection>();
  readonly #unfinished = new ExpiryQueue<Socket>(FRAME_TIMEOUT_MS, (socket) => socket.destroy());
  readonly #spare = outputBuffers();
  readonly #acceptors = new Map<string, RequestAcceptor>();
  /** Pending is always 0: every frame is answered in the turn in which it is read. */
  readonly #pending = 0;
  #authority = "";

  constructor(options: TcpServerOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true, keepAlive: true }, this.#connected);
  }

  async start(): Promise<void> {
    const hosts = resolveHosts(this.#options.host, this.#options.advertiseHost);
    await listen(this.#server, { host: hosts.bind, port: this.#options.port }, "DYN_TCP_RPC_PORT");
    const { port } = this.#server.address() as AddressInfo;
    this.#authority = formatSocketAddress({ host: hosts.advertise, port });
  }

  async register(registration: EndpointRegistration): Promise<string> {
    const path = pathOf(registration, this.#options.pathForm);
    const address = `${this.#authority}/${path}`;
    if (this.#acceptors.has(path)) {
      throw new RequestPlaneError("conflict", `Endpoint ${path} is served already by this process`, {
        facts: { address },
      });
    }
    this.#acceptors.set(path, registration.accept);
    return address;
  }

  async unregister(address: string): Promise<void> {
    this.#acceptors.delete(address.slice(this.#authority.length + 1));
  }

  async stop(): Promise<void> {
    this.#acceptors.clear();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#connections) {
      const switched = this.#switched.get(socket);
      // The ends of responses may still be on their way.
      if (switched) switched.finish();
      else socket.destroy();
    }
    await closed;
    // All are closed; their own word of it comes a little later.
    this.#connections.clear();
    this.#unfinished.clear();
  }

  health(): PlaneHealth {
    return { connections: this.#connections.size, pending: this.#pending };
  }

  readonly #connected = (socket: Socket): void => {
    this.#connections.add(socket);
    socket.once("close", () => {
      this.#connections.delete(socket);
      this.#switched.delete(socket);
      this.#unfinished.delete(socket);
    });
    const options = {
      maxMessageBytes: this.#options.maxMessageBytes,
      unfinished: this.#unfinished,
      spare: this.#spare,
      acceptorOf: (path: string) => this.#acceptors.get(path),
    };
    const switched = (): void => {
      this.#switched.set(socket, new InBandServerConnection(socket, options));
    };
    new ServerConnection(socket, { ...options, switched }).serve();
  };
}
