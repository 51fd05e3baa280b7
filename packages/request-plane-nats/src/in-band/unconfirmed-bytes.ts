import type { NatsConnection } from "@nats-io/transport-node";

/** From here on the server is asked whether it has read what was sent. */
const ASK_BYTES = 256 * 1024;
/** From here on it is waited for. */
const MAX_BYTES = 2 * 1024 * 1024;

/** What was published on a connection and may not have been read by the server, so that it doesn't pile up here. */
export class UnconfirmedBytes {
  readonly #connection: NatsConnection;
  readonly #onRoom: () => void;
  #bytes = 0;
  #isAsking = false;

  constructor(connection: NatsConnection, onRoom: () => void) {
    this.#connection = connection;
    this.#onRoom = onRoom;
  }

  get isFull(): boolean {
    return this.#bytes > MAX_BYTES;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > ASK_BYTES && !this.#isAsking) void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    const asked = this.#bytes;
    try {
      await this.#connection.flush();
    } catch {
      // The connection broke, and what was sent on it is no matter any more.
    }
    this.#isAsking = false;
    this.#bytes -= asked;
    this.#onRoom();
    this.add(0);
  }
}
