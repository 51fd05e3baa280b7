/** A way to etcd that can be interrupted. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { onTestFinished } from "vitest";

export class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isOpen = true;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async to(target: number): Promise<Relay> {
    const server = createServer((inbound) => relay.#pass(inbound, target)).listen(0, "127.0.0.1");
    const relay = new Relay(server);
    await once(server, "listening");
    onTestFinished(() => {
      relay.cut();
      server.close();
    });
    return relay;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Connections that stand. */
  get size(): number {
    return this.#sockets.size / 2;
  }

  /** Ends all connections, and each new one at once. */
  cut(): void {
    this.#isOpen = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isOpen = true;
  }

  #pass(inbound: Socket, target: number): void {
    if (!this.#isOpen) {
      inbound.destroy();
      return;
    }
    const outbound = connect(target, "127.0.0.1");
    for (const [one, other] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      this.#sockets.add(one);
      one
        .on("error", () => undefined)
        .on("close", () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      one.pipe(other);
    }
  }
}
