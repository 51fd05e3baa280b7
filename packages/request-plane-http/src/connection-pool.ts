import type { RequestPlaneError } from "@dynamo/request-plane-core";
import { ClientConnection } from "./client-connection.ts";
import type { HttpSettings } from "./settings.ts";

/** Connections to one worker at the same time, unless more unused ones are to be kept. */
const MAX_CONNECTIONS = 100;

/** Who waits for a place, and calls this when it doesn't want one any more. */
export interface PlaceSeeker {
  onFailed: (error: RequestPlaneError) => void;
}

/** A request that waits for a place on a connection. */
interface Waiter {
  readonly resolve: (connection: ClientConnection) => void;
  readonly reject: (error: RequestPlaneError) => void;
}

/** The connections to one worker. Another one is made when all are full. */
export class ConnectionPool {
  readonly #origin: string;
  readonly #settings: HttpSettings;
  readonly #connections = new Set<ClientConnection>();
  readonly #waiters = new Set<Waiter>();
  readonly #onEmpty: () => void;
  #closed = false;

  /** `onEmpty` is called when the last connection is closed and none is wanted. */
  constructor(origin: string, settings: HttpSettings, onEmpty: () => void) {
    this.#origin = origin;
    this.#settings = settings;
    this.#onEmpty = onEmpty;
  }

  get size(): number {
    return this.#connections.size;
  }

  /** A connection on which a place was free and is taken now. */
  takePlace(): ClientConnection | undefined {
    for (const connection of this.#connections) {
      if (!connection.hasRoom) continue;
      connection.open += 1;
      return connection;
    }
    return undefined;
  }

  /** Takes a place when one gets free. Rejects with `cannot_connect`, or with what the seeker fails with. */
  waitForPlace(seeker: PlaceSeeker): Promise<ClientConnection> {
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      this.#waiters.add(waiter);
      seeker.onFailed = (error) => {
        this.#waiters.delete(waiter);
        reject(error);
      };
      this.#grow();
    });
  }

  release(connection: ClientConnection): void {
    connection.release();
    if (this.#waiters.size > 0) this.#serve();
    if (connection.open > 0 || !connection.isUsable) return;
    if (this.#connections.size <= this.#settings.poolMaxIdlePerHost) return;
    const idle = [...this.#connections].filter(({ open, isUsable }) => open === 0 && isUsable);
    if (idle.length > this.#settings.poolMaxIdlePerHost) connection.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const connection of this.#connections) connection.close();
    await Promise.all([...this.#connections].map(({ closed }) => closed));
  }

  #serve(): void {
    for (const waiter of this.#waiters) {
      const connection = this.takePlace();
      if (!connection) {
        this.#grow();
        return;
      }
      this.#waiters.delete(waiter);
      waiter.resolve(connection);
    }
  }

  /** One connection at a time: how many more are needed shows when it says how much it takes. */
  #grow(): void {
    const most = Math.max(MAX_CONNECTIONS, this.#settings.poolMaxIdlePerHost);
    if (this.#closed || this.#connections.size >= most || this.#isConnecting()) return;
    const connection = new ClientConnection(this.#origin, this.#settings, {
      onReady: () => this.#serve(),
      onIdle: () => connection.close(),
      onClosed: (error) => this.#lost(connection, error),
    });
    this.#connections.add(connection);
  }

  #isConnecting(): boolean {
    return [...this.#connections].some((connection) => !connection.isReady && connection.isUsable);
  }

  /** A connection that brought nothing is no reason to try again at once. */
  #lost(connection: ClientConnection, error: RequestPlaneError): void {
    this.#connections.delete(connection);
    const isHopeless = !connection.used && ![...this.#connections].some(({ isUsable }) => isUsable);
    if (isHopeless) {
      for (const waiter of this.#waiters) waiter.reject(error);
      this.#waiters.clear();
    }
    if (this.#waiters.size > 0) this.#grow();
    if (this.#connections.size === 0) this.#onEmpty();
  }
}
