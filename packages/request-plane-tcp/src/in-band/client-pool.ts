import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { InBandReceiver, InBandRequest } from "@dynamo/request-plane-core";
import type { TcpAddress } from "../address.ts";
import type { PoolOptions } from "../connection-pool.ts";
import { InBandClientConnection } from "./client-connection.ts";
import type { RequestHead } from "./frame-output.ts";

/** The switched connections to one worker address. One is enough, unless it is full of streams or of bytes. */
export class InBandPool {
  readonly #address: TcpAddress;
  readonly #options: PoolOptions;
  readonly #connections: InBandClientConnection[] = [];

  constructor(address: TcpAddress, options: PoolOptions) {
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
    const { poolSize, channelBuffer } = this.#options;
    let busy: InBandClientConnection | undefined;
    for (const connection of this.#connections) {
      if (!connection.hasRoom) continue;
      if (!connection.isCongested && connection.pending < channelBuffer) return connection;
      if (!busy || connection.pending < busy.pending) busy = connection;
    }
    if (this.#connections.length < poolSize) return this.#connect();
    // As many again may wait as may be sent, as for requests whose workers call home.
    if (busy && busy.pending < 2 * channelBuffer) return busy;
    throw this.#full(2 * poolSize * channelBuffer);
  }

  #connect(): InBandClientConnection {
    const connection = new InBandClientConnection(this.#address, this.#options, () => {
      this.#connections.splice(this.#connections.indexOf(connection), 1);
    });
    this.#connections.push(connection);
    return connection;
  }

  #full(limit: number): RequestPlaneError {
    const { authority } = this.#address;
    return new RequestPlaneError(
      "overloaded",
      `${limit} requests to ${authority} wait for their acknowledgement; DYN_TCP_POOL_SIZE and DYN_TCP_CHANNEL_BUFFER allow no more`,
      { facts: { limit, setting: "DYN_TCP_POOL_SIZE" } },
    );
  }
}

function closedError(): RequestPlaneError {
  return new RequestPlaneError("closed", "The connection was closed by this process");
}
