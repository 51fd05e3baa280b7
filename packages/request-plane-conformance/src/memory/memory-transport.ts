import type { Transport } from "@dynamo/request-plane-core";
import { MemoryClient } from "./client.ts";
import { MemoryServer } from "./server.ts";
import type { Servers } from "./server.ts";

export interface MemoryTransportOptions {
  /** Largest envelope in bytes that callers send. Default 32 MiB. */
  readonly maxMessageBytes?: number;
  /** Largest envelope in bytes that workers take. Default: the same. */
  readonly serverMaxMessageBytes?: number;
}

/** The plane of both sides. One object is both sides, unless the limits differ. */
export interface MemoryPlane {
  readonly server: Transport;
  readonly client: Transport;
}

const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

/**
 * A plane within one process: requests never touch a socket. Everything that is made with the returned object
 * can reach each other, and nothing else can. Responses come back as they do on every plane, by call-home.
 */
export function memoryTransport(options: MemoryTransportOptions = {}): Transport {
  return memoryPlane(options).client;
}

/** The same, with a transport for each side, so that callers and workers can have limits of their own. */
export function memoryPlane(options: MemoryTransportOptions = {}): MemoryPlane {
  const { maxMessageBytes = MAX_MESSAGE_BYTES, serverMaxMessageBytes = maxMessageBytes } = options;
  const servers: Servers = new Map();
  const side = (limit: number): Transport => ({
    name: "memory",
    scheme: "memory",
    capabilities: { maxMessageBytes: limit, brokered: true },
    createServer: () => new MemoryServer(servers, serverMaxMessageBytes),
    createClient: () => new MemoryClient(servers, maxMessageBytes),
  });
  return { server: side(serverMaxMessageBytes), client: side(maxMessageBytes) };
}
