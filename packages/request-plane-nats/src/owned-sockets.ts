/**
 * Sockets that the NATS client opens, found by the asynchronous context in which it opens them. The client
 * waits for a frozen server without a bound, and forgets about sockets on which no server ever spoke; destroying
 * them ends both.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";

const owner = new AsyncLocalStorage<OwnedSockets>();
subscribe("net.client.socket", (message) => owner.getStore()?.add((message as { socket: Socket }).socket));

export class OwnedSockets {
  readonly #sockets = new Set<Socket>();
  #ended = false;

  /** Sockets opened by what runs here, now or later, belong to this owner. */
  run<T>(work: () => T): T {
    return owner.run(this, work);
  }

  get size(): number {
    return this.#sockets.size;
  }

  add(socket: Socket): void {
    if (this.#ended) {
      // It is told of before it connects, and connecting would bring it back to life.
      process.nextTick(() => socket.destroy());
      return;
    }
    this.#sockets.add(socket);
    // The client takes all listeners off its sockets, so what is gone is looked for instead.
    for (const known of this.#sockets) if (known.destroyed) this.#sockets.delete(known);
  }

  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  /** Destroys what is open, and whatever is opened from now on. */
  end(): void {
    this.#ended = true;
    this.destroyAll();
  }
}
