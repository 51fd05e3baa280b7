/**
 * One port for HTTP/1.1 and HTTP/2 with prior knowledge: the first bytes of a connection tell which it is.
 */
import { createServer } from "node:http";
import type { Server } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { Http2Server, ServerHttp2Session } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { listen } from "@dynamo/request-plane-core";
import { Http1Exchange, Http2Exchange } from "./exchange.ts";
import type { Exchange } from "./exchange.ts";
import { IdleTimer, keepAlive, localSettings, UNCHECKED_FIELDS, widenWindow } from "./http2-session.ts";
import type { HttpSettings } from "./settings.ts";

/** How every HTTP/2 connection begins; no method of HTTP/1.1 does. */
const PREFACE = Buffer.from("PRI");
/** A server waits a little longer than callers do, so that it is they who close what is unused. */
const IDLE_MARGIN_MS = 1_000;
/** How long connections have to come to an end by themselves. */
const FAREWELL_MS = 250;

export class HttpListener {
  readonly #settings: HttpSettings;
  readonly #handle: (exchange: Exchange) => void;
  readonly #http1: Server;
  readonly #http2: Http2Server;
  readonly #serveHttp1: (socket: Socket) => void;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(settings: HttpSettings, handle: (exchange: Exchange) => void) {
    this.#settings = settings;
    this.#handle = handle;
    const { peerTimeoutMs, poolIdleMs, maxConcurrentStreams } = settings;
    const bounds = {
      headersTimeout: peerTimeoutMs,
      requestTimeout: peerTimeoutMs,
      keepAliveTimeout: poolIdleMs + IDLE_MARGIN_MS,
      connectionsCheckingInterval: Math.min(peerTimeoutMs, 5_000),
    };
    this.#http1 = createServer(bounds, (request, response) => handle(new Http1Exchange(request, response)));
    this.#http1.on("checkContinue", (request, response) => handle(new Http1Exchange(request, response)));
    this.#serveHttp1 = takeConnectionListener(this.#http1);
    this.#http1.on("connection", this.#connected);
    this.#http2 = createHttp2Server({
      settings: { ...localSettings(settings), maxConcurrentStreams },
      ...UNCHECKED_FIELDS,
    });
    this.#http2.on("session", this.#sessionOpened);
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Resolves with the port. */
  async start(host: string): Promise<number> {
    await listen(this.#http1, { host, port: this.#settings.port }, "DYN_HTTP_RPC_PORT");
    return (this.#http1.address() as AddressInfo).port;
  }

  /** Says GOAWAY, waits a little for what is under way, and closes every connection. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#http1.close(resolve));
    for (const session of this.#sessions) session.close();
    const ended = [...this.#sockets].map((socket) => new Promise((resolve) => socket.once("close", resolve)));
    const farewell = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, FAREWELL_MS);
    await Promise.all([closed, ...ended]);
    clearTimeout(farewell);
  }

  readonly #connected = (socket: Socket): void => {
    this.#sockets.add(socket);
    const silent = setTimeout(() => socket.destroy(), this.#settings.peerTimeoutMs);
    socket.once("close", () => {
      clearTimeout(silent);
      this.#sockets.delete(socket);
    });
    socket.on("error", () => socket.destroy());
    const look = (): void => {
      // Nothing as long as there are fewer bytes.
      const start = socket.read(PREFACE.length) as Buffer | null;
      if (!start) return;
      clearTimeout(silent);
      socket.off("readable", look);
      socket.unshift(start);
      const isHttp2 = start.equals(PREFACE);
      // A caller of HTTP/1.1 may close its half after the request; in HTTP/2 that is the end.
      socket.allowHalfOpen = !isHttp2;
      if (isHttp2) this.#http2.emit("connection", socket);
      else this.#serveHttp1(socket);
    };
    socket.on("readable", look);
  };

  readonly #sessionOpened = (session: ServerHttp2Session): void => {
    this.#sessions.add(session);
    const drop = (): void => session.destroy();
    keepAlive(session, this.#settings, drop);
    widenWindow(session, this.#settings);
    session.on("error", drop);
    const { peerTimeoutMs, poolIdleMs } = this.#settings;
    let streams = 0;
    const silent = setTimeout(drop, peerTimeoutMs);
    const idle = new IdleTimer(poolIdleMs + IDLE_MARGIN_MS, () => streams === 0 && drop());
    session.once("stream", () => clearTimeout(silent));
    const streamClosed = (): void => {
      streams -= 1;
      idle.refresh();
    };
    session.on("stream", (stream, headers, _flags, rawHeaders) => {
      streams += 1;
      stream.on("close", streamClosed);
      this.#handle(new Http2Exchange(stream, headers, rawHeaders));
    });
    session.once("close", () => {
      clearTimeout(silent);
      idle.stop();
      this.#sessions.delete(session);
    });
  };
}

/** What makes a socket an HTTP/1.1 connection of the server, to be called for some sockets only. */
function takeConnectionListener(server: Server): (socket: Socket) => void {
  const listeners = server.listeners("connection") as ((this: Server, socket: Socket) => void)[];
  server.removeAllListeners("connection");
  return (socket) => {
    for (const listener of listeners) listener.call(server, socket);
  };
}
