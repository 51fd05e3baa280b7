/**
 * The caller's half of call-home: one listener, to which workers connect with the subject of a request.
 *
 * Source: wire-protocol notes, sections 5.1 to 5.3.
 */
import { randomUUID } from "node:crypto";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { RequestPlaneError } from "../errors.ts";
import { DeadlineQueue } from "../deadline-queue.ts";
import { LinkedList } from "../linked-list.ts";
import { listen } from "../listen.ts";
import type { ResponsePlane, ResponseReceiver, ResponseSlot } from "../response-plane.ts";
import { formatSocketAddress, resolveHosts } from "../socket-address.ts";
import { measureTwoPart } from "../wire/two-part.ts";
import { CallHomeConnection } from "./connection.ts";
import type { Home } from "./connection.ts";
import { CALL_HOME_TRANSPORT, encodeCallHomeInfo } from "./connection-info.ts";

export interface CallHomeOptions {
  /** Address to listen on. Default: the first address that is not loopback. */
  readonly host?: string | undefined;
  /** Port to listen on; 0 lets the system pick. */
  readonly port: number;
  /** Host to tell workers. Default: `host`, or the detected address when that is a wildcard. */
  readonly advertiseHost?: string | undefined;
  /** Largest frame of a response, in bytes. */
  readonly maxMessageBytes: number;
}

/** How long a connection may take to say which response it brings. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Connections that have not said so yet; more are turned away. */
const MAX_HALF_OPEN = 4096;

/** A response that is waited for, until somebody brings it: the map must not refer to it longer than that. */
interface Place {
  receiver: ResponseReceiver | undefined;
}

export class CallHomeListener implements ResponsePlane {
  readonly transport = CALL_HOME_TRANSPORT;
  readonly #options: CallHomeOptions;
  readonly #pending = new Map<string, Place>();
  readonly #home: Home;
  #server: Server | undefined;
  #started: Promise<string> | undefined;
  /** What workers are told, once it listens. */
  #address: string | undefined;
  #closed = false;

  constructor(options: CallHomeOptions) {
    this.#options = options;
    this.#home = {
      measure: measureTwoPart(options.maxMessageBytes, "DYN_TCP_MAX_MESSAGE_SIZE"),
      connections: new LinkedList(),
      halfOpen: new DeadlineQueue(HANDSHAKE_TIMEOUT_MS, (connection) => connection.destroy()),
      claim: (subject) => this.#take(subject),
    };
  }

  get size(): number {
    return this.#pending.size + this.#home.connections.size;
  }

  open(requestId: string, receiver: ResponseReceiver): ResponseSlot | Promise<ResponseSlot> {
    if (this.#closed) return Promise.reject(closedError());
    if (this.#address !== undefined) return this.#reserve(this.#address, requestId, receiver);
    this.#started ??= this.#start();
    return this.#started.then((address) => this.#reserve(address, requestId, receiver));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#started?.catch(() => undefined);
    for (const { receiver } of this.#pending.values()) receiver?.failed(closedError());
    this.#pending.clear();
    const { connections, halfOpen } = this.#home;
    for (const connection of connections) connection.fail(closedError());
    halfOpen.clear();
    const server = this.#server;
    if (server?.listening) await new Promise((resolve) => server.close(resolve));
    // All are closed; their own word of it comes a little later.
    connections.clear();
  }

  #reserve(address: string, requestId: string, receiver: ResponseReceiver): ResponseSlot {
    const subject = randomUUID();
    this.#pending.set(subject, { receiver });
    return {
      connectionInfo: encodeCallHomeInfo({ address, subject, context: requestId }),
      abandon: () => void this.#take(subject),
    };
  }

  async #start(): Promise<string> {
    const { host, port, advertiseHost } = this.#options;
    const hosts = resolveHosts(host, advertiseHost);
    // A worker that is done half-closes; the caller still may have something to say.
    const server = createServer({ allowHalfOpen: true }, this.#accept);
    this.#server = server;
    try {
      await listen(server, { host: hosts.bind, port }, "DYN_TCP_RESPONSE_STREAM_PORT");
    } catch (error) {
      this.#started = undefined;
      throw error;
    }
    const { port: bound } = server.address() as AddressInfo;
    this.#address = formatSocketAddress({ host: hosts.advertise, port: bound });
    return this.#address;
  }

  #take(subject: string): ResponseReceiver | undefined {
    const place = this.#pending.get(subject);
    if (!place) return undefined;
    this.#pending.delete(subject);
    const { receiver } = place;
    place.receiver = undefined;
    return receiver;
  }

  readonly #accept = (socket: Socket): void => {
    if (this.#home.halfOpen.size >= MAX_HALF_OPEN) socket.destroy();
    else new CallHomeConnection(socket, this.#home);
  };
}

function closedError(): RequestPlaneError {
  return new RequestPlaneError("closed", "The response plane is closed");
}
