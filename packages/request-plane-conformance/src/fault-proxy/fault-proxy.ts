/**
 * A TCP proxy that does to connections what bad networks do to them.
 */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import type { SocketAddress } from "@dynamo/request-plane-core";
import { Direction } from "./direction.ts";
import type { Cut, Faults } from "./faults.ts";

const HOST = "127.0.0.1";

/** One connection through the proxy: the side that dialled and the side that was dialled. */
interface Link {
  readonly client: Socket;
  readonly server: Socket;
  readonly over: AbortController;
}

export class FaultProxy implements AsyncDisposable {
  /** What happens to the bytes that go to the target, and to those that come back. May be replaced at any time. */
  toServer: Faults = {};
  toClient: Faults = {};
  /** Where new connections lead. May be replaced at any time. */
  target: SocketAddress;
  /** Connections that were accepted so far. */
  accepted = 0;
  readonly #listener: Server;
  readonly #links = new Set<Link>();

  private constructor(target: SocketAddress) {
    this.target = target;
    this.#listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
  }

  /** Listens on a port of loopback that the system picks. */
  static async start(target: SocketAddress): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    proxy.#listener.listen(0, HOST);
    await once(proxy.#listener, "listening");
    return proxy;
  }

  get address(): SocketAddress {
    return { host: HOST, port: (this.#listener.address() as AddressInfo).port };
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#links.size;
  }

  /** Ends every connection now: in good order, or with a reset. */
  disconnect(how: Exclude<Cut["how"], "half-close">): void {
    for (const link of [...this.#links]) end(link, how);
  }

  /** Stops to listen and ends every connection. */
  async close(): Promise<void> {
    if (!this.#listener.listening) return;
    const closed = once(this.#listener, "close");
    this.#listener.close();
    for (const { client, server, over } of this.#links) {
      over.abort();
      client.destroy();
      server.destroy();
    }
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #accept(client: Socket): void {
    this.accepted += 1;
    const server = connect({ ...this.target, noDelay: true, allowHalfOpen: true });
    const link = { client, server, over: new AbortController() };
    this.#links.add(link);
    for (const socket of [client, server]) {
      socket.on("error", () => end(link, "reset"));
      socket.once("close", () => {
        if (client.destroyed && server.destroyed) this.#links.delete(link);
      });
    }
    this.#pass(link, "toServer");
    this.#pass(link, "toClient");
  }

  #pass(link: Link, way: "toServer" | "toClient"): void {
    const [source, sink] = way === "toServer" ? [link.client, link.server] : [link.server, link.client];
    const direction = new Direction({
      source,
      sink,
      faults: () => this[way],
      onCut: (how) => (how === "half-close" ? sink.end() : end(link, how)),
      signal: link.over.signal,
    });
    // A socket that breaks ends the link itself, see above.
    direction.run().catch(() => end(link, "close"));
  }
}

function end({ client, server, over }: Link, how: "close" | "reset"): void {
  over.abort();
  for (const socket of [client, server]) {
    if (how === "close") socket.destroySoon();
    // Node can't reset a socket that it is shutting down, and would leave it open.
    else if (socket.writableEnded) socket.destroy();
    else if (!socket.destroyed) socket.resetAndDestroy();
  }
}
