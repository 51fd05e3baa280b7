import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { SocketAddress } from "@dynamo/request-plane-core";
import { ClientConnection } from "./client-connection.ts";
import type { ClientConnectionOptions } from "./client-connection.ts";

export interface PoolOptions extends ClientConnectionOptions {
  /** Most connections. */
  readonly poolSize: number;
  /** Requests on one connection that are not acknowledged yet. */
  readonly channelBuffer: number;
}

/**
 * The connections to one worker address. One is enough most of the time; others are made when the ones there
 * are have no room, and those that are not needed any more fall idle and are closed.
 */
export class ConnectionPool {
  readonly #address: SocketAddress;
  readonly #options: PoolOptions;
  /** The oldest first: the first with room is taken, so that the last ones fall idle. */
  readonly #connections: ClientConnection[] = [];
  /** Requests that found no room. */
  readonly #queue: (() => void)[] = [];

  constructor(address: SocketAddress, options: PoolOptions) {
    this.#address = address;
    this.#options = options;
  }

  get size(): number {
    return this.#connections.length;
  }

  get pending(): number {
    return this.#connections.reduce((total, { pending }) => total + pending, this.#queue.length);
  }

  /** A connection with room, waiting for one when there is none. Rejects with `overloaded`. */
  async acquire(): Promise<ClientConnection> {
    for (;;) {
      const connection = this.#withRoom();
      if (connection) return connection;
      await this.#turn();
    }
  }

  /** Closes connections that were not used since then, on the clock of `performance.now()`. */
  closeIdle(since: number): void {
    for (const connection of [...this.#connections]) {
      if (connection.pending === 0 && connection.lastUsed < since) connection.close(closedError());
    }
  }

  close(): void {
    for (const connection of [...this.#connections]) connection.close(closedError());
    for (const wake of this.#queue.splice(0)) wake();
  }

  #withRoom(): ClientConnection | undefined {
    const { poolSize, channelBuffer } = this.#options;
    let congested: ClientConnection | undefined;
    for (const connection of this.#connections) {
      if (connection.pending >= channelBuffer) continue;
      if (!connection.isCongested) return connection;
      congested ??= connection;
    }
    return this.#connections.length < poolSize ? this.#connect() : congested;
  }

  #connect(): ClientConnection {
    const connection = new ClientConnection(this.#address, this.#options, {
      onReply: () => this.#queue.shift()?.(),
      onClose: () => {
        this.#connections.splice(this.#connections.indexOf(connection), 1);
        for (const wake of this.#queue.splice(0)) wake();
      },
    });
    this.#connections.push(connection);
    return connection;
  }

  /** Resolves when there may be room. */
  async #turn(): Promise<void> {
    const { poolSize, channelBuffer, requestTimeoutMs } = this.#options;
    const limit = poolSize * channelBuffer;
    if (this.#queue.length >= limit) throw this.#full(limit);
    const inTime = await new Promise<boolean>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(() => {
        this.#queue.splice(this.#queue.indexOf(wake), 1);
        resolve(false);
      }, requestTimeoutMs);
      this.#queue.push(wake);
    });
    if (!inTime) throw this.#full(limit);
  }

  #full(limit: number): RequestPlaneError {
    const { host, port } = this.#address;
    return new RequestPlaneError(
      "overloaded",
      `${limit} requests to ${host}:${port} wait for their acknowledgement; DYN_TCP_POOL_SIZE and DYN_TCP_CHANNEL_BUFFER allow no more`,
      { facts: { limit, setting: "DYN_TCP_POOL_SIZE" } },
    );
  }
}

function closedError(): RequestPlaneError {
  return new RequestPlaneError("closed", "The connection was closed by this process");
}
