/**
 * A small plane with connections of its own, on which the cases for direct planes can be proved, and broken.
 *
 *     u32 length of what follows | u32 id | u32 length of head | head, JSON | envelope        requests
 *     u32 length of what follows | u32 id | refusal, JSON, or nothing                         replies
 */
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import {
  formatSocketAddress,
  FrameDecoder,
  listen,
  parseSocketAddress,
  RequestPlaneError,
} from "@dynamo/request-plane-core";
import type {
  EndpointRegistration,
  ErrorCode,
  Headers,
  OutboundRequest,
  PlaneHealth,
  RequestAcceptor,
  RequestPlaneClient,
  RequestPlaneServer,
  Transport,
} from "@dynamo/request-plane-core";
import type { AddressRoute, FixtureSettings, TransportFixture } from "../../src/index.ts";

interface Head {
  readonly path: string;
  readonly headers: Headers;
}

interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly limit?: number;
}

/** A request on its way. */
interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: RequestPlaneError) => void;
}

export const socketRoute: AddressRoute = {
  target: (address) => parseSocketAddress(address.slice(0, address.indexOf("/"))),
  through: (address, place) => formatSocketAddress(place) + address.slice(address.indexOf("/")),
};

export function socketFixture(settings: FixtureSettings): TransportFixture {
  const side = (maxMessageBytes: number): Transport => ({
    name: "socket",
    scheme: "socket",
    capabilities: { maxMessageBytes, brokered: false },
    createServer: () => new SocketServer(settings.serverMaxMessageBytes),
    createClient: () => new SocketClient(settings),
  });
  return {
    server: side(settings.serverMaxMessageBytes),
    client: side(settings.clientMaxMessageBytes),
    route: socketRoute,
  };
}

/** Larger frames than the limit are read up to their head, so that the refusal has an id. */
function frames(limit: number, onFrame: (frame: Buffer) => void): FrameDecoder {
  const measure = (bytes: Buffer, start: number, end: number): number => {
    if (end - start < 4) return -4;
    const length = bytes.readUInt32BE(start);
    if (length < 4 || length > limit) throw new RequestPlaneError("protocol_error", "No frame of this plane");
    return 4 + length;
  };
  return new FrameDecoder(measure, (bytes, start, end) => onFrame(bytes.subarray(start + 4, end)));
}

function frame(id: number, ...parts: readonly Uint8Array[]): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(4 + parts.reduce((sum, { length }) => sum + length, 0), 0);
  head.writeUInt32BE(id, 4);
  return Buffer.concat([head, ...parts]);
}

const FRAME_LIMIT = 64 * 1024 * 1024;

class SocketServer implements RequestPlaneServer {
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
    const decoder = frames(FRAME_LIMIT, (bytes) => {
      const refusal = this.#answer(bytes.subarray(4));
      const text = Buffer.from(refusal ? JSON.stringify(refusal) : "");
      socket.write(frame(bytes.readUInt32BE(0), text));
    });
    socket.on("data", (chunk: Buffer) => push(decoder, chunk, socket));
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

function push(decoder: FrameDecoder, chunk: Buffer, socket: Socket): void {
  try {
    decoder.push(chunk);
  } catch {
    socket.destroy();
  }
}

const SPOKEN = ["unknown_endpoint", "overloaded", "unavailable", "payload_too_large", "invalid_argument"];

function spoken(code: ErrorCode): ErrorCode {
  if (SPOKEN.includes(code)) return code;
  return code === "protocol_error" ? "invalid_argument" : "unavailable";
}

class SocketClient implements RequestPlaneClient {
  readonly #settings: FixtureSettings;
  readonly #lines = new Map<string, Line>();
  #closed = false;

  constructor(settings: FixtureSettings) {
    this.#settings = settings;
  }

  async deliver({ address, headers, envelope, envelopeBytes, signal }: OutboundRequest): Promise<void> {
    if (this.#closed) throw new RequestPlaneError("closed", "The client is closed");
    if (signal?.aborted) throw cancelled(signal);
    const { clientMaxMessageBytes: limit } = this.#settings;
    if (envelopeBytes > limit) {
      const facts = { limit, actual: envelopeBytes, setting: "clientMaxMessageBytes" };
      throw new RequestPlaneError("payload_too_large", "The envelope is too large", { facts });
    }
    const slash = address.indexOf("/");
    const line = this.#line(slash < 0 ? "" : address.slice(0, slash));
    const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
    const head = JSON.stringify({
      path: address.slice(slash + 1),
      headers: Object.fromEntries(lower) as Headers,
    });
    const headBytes = Buffer.alloc(4);
    headBytes.writeUInt32BE(Buffer.byteLength(head), 0);
    await line.send([headBytes, Buffer.from(head), ...envelope], signal);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const line of this.#lines.values())
      line.close(new RequestPlaneError("closed", "The client was closed"));
  }

  health(): PlaneHealth {
    const pending = [...this.#lines.values()].reduce((sum, line) => sum + line.pending, 0);
    return { connections: this.#lines.size, pending };
  }

  #line(place: string): Line {
    const known = this.#lines.get(place);
    if (known) return known;
    try {
      const line = new Line(place, this.#settings, () => this.#lines.delete(place));
      this.#lines.set(place, line);
      return line;
    } catch (cause) {
      throw new RequestPlaneError("cannot_connect", `No address: ${place}`, { cause });
    }
  }
}

/** One connection; replies find their requests by id. */
class Line {
  readonly #place: string;
  readonly #settings: FixtureSettings;
  readonly #socket: Socket;
  readonly #onClose: () => void;
  readonly #waiters = new Map<number, Waiter>();
  #lastId = 0;
  #connected = false;
  #closed = false;

  constructor(place: string, settings: FixtureSettings, onClose: () => void) {
    this.#place = place;
    this.#settings = settings;
    this.#onClose = onClose;
    this.#socket = connect({ ...parseSocketAddress(place), noDelay: true });
    this.#socket.once("connect", () => (this.#connected = true));
    this.#socket.on("error", (cause) => this.close(this.#lost(cause)));
    this.#socket.on("close", () => this.close(this.#lost()));
    const decoder = frames(FRAME_LIMIT, (bytes) => this.#reply(bytes));
    this.#socket.on("data", (chunk: Buffer) => push(decoder, chunk, this.#socket));
  }

  get pending(): number {
    return this.#waiters.size;
  }

  async send(parts: readonly Uint8Array[], signal: AbortSignal | undefined): Promise<void> {
    const id = (this.#lastId += 1);
    const { acknowledgeTimeoutMs: limit } = this.#settings;
    const facts = {
      phase: "acknowledge",
      limit,
      setting: "acknowledgeTimeoutMs",
      address: this.#place,
    } as const;
    const expire = (): void =>
      this.#take(id)?.reject(new RequestPlaneError("deadline_exceeded", "No acknowledgement", { facts }));
    const abort = (): void => this.#take(id)?.reject(cancelled(signal));
    const timer = setTimeout(expire, limit);
    signal?.addEventListener("abort", abort);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiters.set(id, { resolve, reject });
        this.#socket.write(frame(id, ...parts));
      });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  close(error: RequestPlaneError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroy();
    this.#onClose();
    for (const { reject } of this.#waiters.values()) reject(error);
    this.#waiters.clear();
  }

  #reply(bytes: Buffer): void {
    const waiter = this.#take(bytes.readUInt32BE(0));
    // One that came too late, or was not asked for.
    if (!waiter) return;
    if (bytes.length === 4) {
      waiter.resolve();
      return;
    }
    const { code, message, limit } = JSON.parse(bytes.toString("utf8", 4)) as Refusal;
    const facts = limit === undefined ? {} : { limit };
    waiter.reject(new RequestPlaneError(code, message, { remote: true, facts }));
  }

  #take(id: number): Waiter | undefined {
    const waiter = this.#waiters.get(id);
    this.#waiters.delete(id);
    return waiter;
  }

  #lost(cause?: Error): RequestPlaneError {
    const code = this.#connected ? "disconnected" : "cannot_connect";
    return new RequestPlaneError(code, `Lost ${this.#place}`, { cause, facts: { address: this.#place } });
  }
}

function cancelled(signal: AbortSignal | undefined): RequestPlaneError {
  return new RequestPlaneError("cancelled", "The delivery was aborted", { cause: signal?.reason });
}
