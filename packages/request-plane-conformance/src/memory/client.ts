import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { ErrorCode, OutboundRequest, PlaneHealth, RequestPlaneClient } from "@dynamo/request-plane-core";
import { serverOf } from "./address.ts";
import type { MemoryServer, Servers } from "./server.ts";

/** How a caller learns what became of its request; the first to come counts. */
type Settle = (error?: RequestPlaneError) => void;

export class MemoryClient implements RequestPlaneClient {
  readonly #servers: Servers;
  readonly #maxMessageBytes: number;
  /** Connected servers, each with the requests that wait for its acknowledgement. */
  readonly #connections = new Map<MemoryServer, Connection>();
  #closed = false;

  constructor(servers: Servers, maxMessageBytes: number) {
    this.#servers = servers;
    this.#maxMessageBytes = maxMessageBytes;
  }

  async deliver(request: OutboundRequest): Promise<void> {
    if (this.#closed) throw new RequestPlaneError("closed", "The memory client is closed");
    if (request.signal?.aborted) throw cancelled(request.signal);
    this.#checkSize(request);
    const { waiting, server } = this.#connect(request.address);
    const envelope = Buffer.concat(request.envelope);
    const headers = lowerCased(request.headers);
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const settle: Settle = (error) => {
      waiting.delete(settle);
      request.signal?.removeEventListener("abort", abort);
      if (error) reject(error);
      else resolve(undefined);
    };
    const abort = (): void => settle(cancelled(request.signal));
    waiting.add(settle);
    request.signal?.addEventListener("abort", abort);
    // As on every plane, the request is on its way for a while, and may be taken back before it arrives.
    setImmediate(() => {
      if (!waiting.has(settle)) return;
      const refusal = server.answer(request.address, { headers, envelope });
      settle(refusal && asRemote(refusal, request.address));
    });
    await promise;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const connection of this.#connections.values()) {
      connection.server.disconnect(connection.lose);
      connection.fail(new RequestPlaneError("closed", "The memory client was closed"));
    }
    this.#connections.clear();
  }

  health(): PlaneHealth {
    const connections = [...this.#connections.values()];
    const pending = connections.reduce((sum, { waiting }) => sum + waiting.size, 0);
    return { connections: connections.length, pending };
  }

  #checkSize({ envelopeBytes: actual, address }: OutboundRequest): void {
    const limit = this.#maxMessageBytes;
    if (actual <= limit) return;
    throw new RequestPlaneError("payload_too_large", `${actual} bytes are more than ${limit}`, {
      facts: { actual, limit, address, setting: "maxMessageBytes" },
    });
  }

  #connect(address: string): Connection {
    const server = this.#servers.get(serverOf(address));
    if (!server) {
      throw new RequestPlaneError("cannot_connect", `No server at ${address}`, { facts: { address } });
    }
    const existing = this.#connections.get(server);
    if (existing) return existing;
    const connection = new Connection(server, () => this.#connections.delete(server));
    this.#connections.set(server, connection);
    server.connect(connection.lose);
    return connection;
  }
}

class Connection {
  readonly server: MemoryServer;
  readonly waiting = new Set<Settle>();
  readonly #onLost: () => void;

  constructor(server: MemoryServer, onLost: () => void) {
    this.server = server;
    this.#onLost = onLost;
  }

  fail(error: RequestPlaneError): void {
    for (const settle of [...this.waiting]) settle(error);
  }

  readonly lose = (): void => {
    this.#onLost();
    this.fail(new RequestPlaneError("disconnected", "The memory server was stopped"));
  };
}

/** What a refusal may say to a caller; the rest of the codes is a worker's own business. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  "unknown_endpoint",
  "overloaded",
  "unavailable",
  "payload_too_large",
  "invalid_argument",
]);

function asRemote({ code, message, facts }: RequestPlaneError, address: string): RequestPlaneError {
  const other = code === "protocol_error" ? "invalid_argument" : "unavailable";
  return new RequestPlaneError(REFUSALS.has(code) ? code : other, message, {
    remote: true,
    facts: { ...facts, address },
  });
}

function cancelled(signal: AbortSignal | undefined): RequestPlaneError {
  return new RequestPlaneError("cancelled", "The delivery was aborted", { cause: signal?.reason });
}

function lowerCased(headers: OutboundRequest["headers"]): OutboundRequest["headers"] {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
