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
import type { MeasureFrame } from "../wire/frame-decoder.ts";
import { measureTwoPart } from "../wire/two-part.ts";
import { CallHomeConnection } from "./connection.ts";
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
  readonly #measure: MeasureFrame;
  readonly #pending = new Map<string, Place>();
  readonly #connections = new LinkedList<CallHomeConnection>();
  readonly #halfOpen = new DeadlineQueue<CallHomeConnection>(HANDSHAKE_TIMEOUT_MS, (connection) =>
    connection.destroy(),
  );
  #server: Server | undefined;
  #started: Promise<string> | undefined;
  /** What workers are told, once it listens. */
  #address: string | undefined;
  #closed = false;

  constructor(options: CallHomeOptions) {
    this.#options = options;
    this.#measure = measureTwoPart(options.maxMessageBytes, "DYN_TCP_MAX_MESSAGE_SIZE");
  }

  get size(): number {
    return this.#pending.size + this.#connections.size;
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
    for (const connection of this.#connections) connection.fail(closedError());
    this.#halfOpen.clear();
    const server = this.#server;
    if (server?.listening) await new Promise((resolve) => server.close(resolve));
    // All are closed; their own word of it comes a little later.
    this.#connections.clear();
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
    if (this.#halfOpen.size >= MAX_HALF_OPEN) {
      socket.destroy();
      return;
    }
    const connection = new CallHomeConnection(socket, this.#measure, {
      claim: (subject) => {
        this.#halfOpen.delete(halfOpen);
        return this.#take(subject);
      },
      onClose: () => {
        this.#connections.remove(link);
        this.#halfOpen.delete(halfOpen);
      },
    });
    const link = this.#connections.add(connection);
    const halfOpen = this.#halfOpen.add(connection);
  };
}

function closedError(): RequestPlaneError {
  return new RequestPlaneError("closed", "The response plane is closed");
}
