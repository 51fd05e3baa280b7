import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { InBandReceiver, InBandRequest } from "@dynamo/request-plane-core";
import type { TcpAddress } from "../address.ts";
import { InBandClientConnection } from "./client-connection.ts";
import type { InBandClientOptions } from "./client-connection.ts";
import type { RequestHead } from "./frame-output.ts";

export interface InBandPoolOptions extends InBandClientOptions {
  /** Most connections. */
  readonly poolSize: number;
}

/** What may wait to be written on one connection, when no other may be made. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** The switched connections to one worker address. One is enough, unless it is full of streams or of bytes. */
export class InBandPool {
  readonly #address: TcpAddress;
  readonly #options: InBandPoolOptions;
  readonly #connections: InBandClientConnection[] = [];

  constructor(address: TcpAddress, options: InBandPoolOptions) {
    this.#address = address;
    this.#options = options;
  }

  get size(): number {
    return this.#connections.length;
  }

  get pending(): number {
    return this.#connections.reduce((total, { pending }) => total + pending, 0);
  }

  /** Throws `overloaded` when no connection has room and none may be made. */
  send(head: RequestHead, request: InBandRequest, receiver: InBandReceiver): void {
    this.#withRoom().send(head, request, receiver);
  }

  /** Closes connections that were not used since then, on the clock of `performance.now()`. */
  closeIdle(since: number): void {
    for (const connection of [...this.#connections]) {
      if (connection.size === 0 && connection.lastUsed < since) connection.close(closedError());
    }
  }

  close(): void {
    for (const connection of [...this.#connections]) connection.close(closedError());
  }

  #withRoom(): InBandClientConnection {
    let congested: InBandClientConnection | undefined;
    for (const connection of this.#connections) {
      if (!connection.hasRoom) continue;
      if (!connection.isCongested) return connection;
      if (!congested || connection.waitingBytes < congested.waitingBytes) congested = connection;
    }
    if (this.#connections.length < this.#options.poolSize) return this.#connect();
    if (congested && congested.waitingBytes < MAX_WAITING_BYTES) return congested;
    throw this.#full();
  }

  #connect(): InBandClientConnection {
    const connection = new InBandClientConnection(this.#address, this.#options, () => {
      this.#connections.splice(this.#connections.indexOf(connection), 1);
    });
    this.#connections.push(connection);
    return connection;
  }

  #full(): RequestPlaneError {
    const { authority } = this.#address;
    const { poolSize: limit } = this.#options;
    return new RequestPlaneError(
      "overloaded",
      `All ${limit} connections to ${authority} are full; DYN_TCP_POOL_SIZE allows no more`,
      { facts: { limit, setting: "DYN_TCP_POOL_SIZE" } },
    );
  }
}

function closedError(): RequestPlaneError {
  return new RequestPlaneError("closed", "The connection was closed by this process");
}
