import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { formatSocketAddress, listen, RequestPlaneError } from "@dynamo/request-plane-core";
import type {
  EndpointRegistration,
  ErrorCode,
  PlaneHealth,
  RequestAcceptor,
  RequestPlaneServer,
} from "@dynamo/request-plane-core";
import { frame, onFrames } from "./socket-frames.ts";
import type { Head, Refusal } from "./socket-frames.ts";

export class SocketServer implements RequestPlaneServer {
  readonly #limit: number;
  readonly #sockets = new Set<Socket>();
  readonly #acceptors = new Map<string, RequestAcceptor>();
  readonly #server = createServer((socket) => this.#serve(socket));
  #place = "";

  constructor(limit: number) {
    this.#limit = limit;
  }

  async start(): Promise<void> {
    await listen(this.#server, { host: "127.0.0.1", port: 0 }, "nothing");
    const { port } = this.#server.address() as AddressInfo;
    this.#place = formatSocketAddress({ host: "127.0.0.1", port });
  }

  async register({ accept, ...name }: EndpointRegistration): Promise<string> {
    const parts = [name.instanceId.toString(16), name.namespace, name.component, name.endpoint];
    const path = parts.map(encodeURIComponent).join("/");
    if (this.#acceptors.has(path)) throw new RequestPlaneError("conflict", `${path} is served already`);
    this.#acceptors.set(path, accept);
    return `${this.#place}/${path}`;
  }

  async unregister(address: string): Promise<void> {
    this.#acceptors.delete(address.slice(this.#place.length + 1));
  }

  async stop(): Promise<void> {
    this.#acceptors.clear();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  health(): PlaneHealth {
    return { connections: this.#sockets.size, pending: 0 };
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket)).on("error", () => socket.destroy());
    onFrames(socket, (bytes) => {
      const refusal = this.#answer(bytes.subarray(4));
      const text = Buffer.from(refusal ? JSON.stringify(refusal) : "");
      socket.write(frame(bytes.readUInt32BE(0), text));
    });
  }

  #answer(bytes: Buffer): Refusal | undefined {
    const headEnd = 4 + bytes.readUInt32BE(0);
    const { path, headers } = JSON.parse(bytes.toString("utf8", 4, headEnd)) as Head;
    const envelope = bytes.subarray(headEnd);
    const limit = this.#limit;
    if (envelope.length > limit) return { code: "payload_too_large", message: "too large", limit };
    const accept = this.#acceptors.get(path);
    const refusal = accept
      ? accept({ headers, envelope })
      : new RequestPlaneError("unknown_endpoint", `no endpoint ${path}`);
    return refusal && { code: spoken(refusal.code), message: refusal.message };
  }
}

const SPOKEN = ["unknown_endpoint", "overloaded", "unavailable", "payload_too_large", "invalid_argument"];

function spoken(code: ErrorCode): ErrorCode {
  if (SPOKEN.includes(code)) return code;
  return code === "protocol_error" ? "invalid_argument" : "unavailable";
}
