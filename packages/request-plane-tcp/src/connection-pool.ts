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

interface QueuedRequest {
  readonly frame: readonly Uint8Array[];
  readonly signal: AbortSignal | undefined;
  readonly timer: NodeJS.Timeout;
  readonly resolve: () => void;
  readonly reject: (error: RequestPlaneError) => void;
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
  /** Requests that found no room. They are sent in the turn in which there is some, so that none overtakes. */
  readonly #queue = new Set<QueuedRequest>();
  #closed = false;

  constructor(address: SocketAddress, options: PoolOptions) {
    this.#address = address;
    this.#options = options;
  }

  get size(): number {
    return this.#connections.length;
  }

  get pending(): number {
    return this.#connections.reduce((total, { pending }) => total + pending, this.#queue.size);
  }

  /**
   * Sends on a connection with room, or waits for one. Resolves and rejects as `ClientConnection.send` does, and
   * rejects with `overloaded` when there is no room in time, or no room to wait.
   */
  send(frame: readonly Uint8Array[], signal: AbortSignal | undefined): Promise<void> {
    if (this.#closed) return Promise.reject(closedError());
    const connection = this.#withRoom();
    return connection ? connection.send(frame) : this.#enqueue(frame, signal);
  }

  /** Closes connections that were not used since then, on the clock of `performance.now()`. */
  closeIdle(since: number): void {
    for (const connection of [...this.#connections]) {
      if (connection.pending === 0 && connection.lastUsed < since) connection.close(closedError());
    }
  }

  close(): void {
    this.#closed = true;
    for (const connection of [...this.#connections]) connection.close(closedError());
    for (const queued of this.#queue) this.#leave(queued).reject(closedError());
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
      onReply: () => this.#advance(),
      onClose: () => {
        this.#connections.splice(this.#connections.indexOf(connection), 1);
        this.#advance();
      },
    });
    this.#connections.push(connection);
    return connection;
  }

  #enqueue(frame: readonly Uint8Array[], signal: AbortSignal | undefined): Promise<void> {
    const { poolSize, channelBuffer, requestTimeoutMs } = this.#options;
    const limit = poolSize * channelBuffer;
    if (this.#queue.size >= limit) return Promise.reject(this.#full(limit));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#leave(queued).reject(this.#full(limit)), requestTimeoutMs);
      const queued: QueuedRequest = { frame, signal, timer, resolve, reject };
      this.#queue.add(queued);
    });
  }

  #leave(queued: QueuedRequest): QueuedRequest {
    clearTimeout(queued.timer);
    this.#queue.delete(queued);
    return queued;
  }

  /** Sends what waits, the oldest first, as long as there is room. */
  #advance(): void {
    if (this.#closed) return;
    for (const queued of this.#queue) {
      if (queued.signal?.aborted) {
        this.#leave(queued).reject(abortedError(queued.signal));
        continue;
      }
      const connection = this.#withRoom();
      if (!connection) return;
      this.#leave(queued);
      connection.send(queued.frame).then(queued.resolve, queued.reject);
    }
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

export function abortedError(signal: AbortSignal): RequestPlaneError {
  return new RequestPlaneError("cancelled", "Aborted before it was acknowledged", { cause: signal.reason });
}
