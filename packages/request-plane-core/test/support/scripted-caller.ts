import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A caller that reads what workers send, and does nothing by itself. */
export class ScriptedCaller {
  readonly address: string;
  readonly #chunks: Buffer[] = [];
  readonly #sockets: Socket[] = [];
  readonly #left = new Set<Socket>();

  static async listen(): Promise<ScriptedCaller> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const caller = new ScriptedCaller((server.address() as AddressInfo).port);
    server.on("connection", (socket) => caller.#accept(socket));
    onTestFinished(() => {
      for (const socket of caller.#sockets) socket.destroy();
      server.close();
    });
    return caller;
  }

  private constructor(port: number) {
    this.address = `127.0.0.1:${port}`;
  }

  /** Everything that came on all connections. */
  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** Connections that the worker has not closed. */
  get openConnections(): number {
    return this.#sockets.length - this.#left.size;
  }

  send(bytes: Buffer): void {
    for (const socket of this.#sockets) socket.write(bytes);
  }

  finish(): void {
    for (const socket of this.#sockets) socket.end();
  }

  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #accept(socket: Socket): void {
    this.#sockets.push(socket);
    socket.on("data", (chunk: Buffer) => this.#chunks.push(chunk));
    socket.on("error", () => socket.destroy());
    socket.once("end", () => this.#left.add(socket));
    socket.once("close", () => this.#left.add(socket));
  }
}
