import { connect } from "node:http2";
import type { ClientHttp2Session, Settings } from "node:http2";
import { connect as connectSocket } from "node:net";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import { IdleTimer, keepAlive, localSettings, UNCHECKED_FIELDS, widenWindow } from "./http2-session.ts";
import { overdue } from "./post-failures.ts";
import type { HttpSettings } from "./settings.ts";

export interface ConnectionEvents {
  /** The worker said how many requests it takes at a time. */
  readonly onReady: () => void;
  /** Called once. */
  readonly onClosed: (error: RequestPlaneError) => void;
  /** It was unused for the whole idle time. */
  readonly onIdle: () => void;
}

/**
 * One HTTP/2 connection to a worker. It takes no request before the worker's SETTINGS are here: a burst would
 * exceed their limit, and a peer that speaks no HTTP/2 shows itself before anything is lost.
 */
export class ClientConnection {
  readonly #origin: string;
  readonly http2: ClientHttp2Session;
  readonly closed: Promise<void>;
  /** The last stream that the worker looked at, once it said that it is leaving. */
  lastStreamId = Infinity;
  readonly #idle: IdleTimer;
  #limit = 0;
  #leaving = false;
  /** Asks the worker for a sign of life. */
  probe: () => void = () => undefined;
  /** Requests that hold a place. */
  open = 0;
  /** A request was sent. */
  used = false;

  constructor(origin: string, settings: HttpSettings, events: ConnectionEvents) {
    this.#origin = origin;
    const { hostname, port } = new URL(origin);
    const host = hostname.replace(/^\[(.*)\]$/, "$1");
    const socket = connectSocket({ host, port: Number(port || 80), noDelay: true, keepAlive: true });
    const session = connect(origin, {
      createConnection: () => socket,
      peerMaxConcurrentStreams: settings.maxConcurrentStreams,
      ...UNCHECKED_FIELDS,
      settings: { ...localSettings(settings), enablePush: false },
    });
    this.http2 = session;
    this.closed = new Promise((resolve) => session.once("close", resolve));
    let cause: Error | undefined;
    session.once("connect", () => {
      widenWindow(session, settings);
      this.probe = keepAlive(session, settings, () =>
        session.destroy(new Error("The peer answers no pings")),
      );
    });
    session.on("remoteSettings", ({ maxConcurrentStreams = Infinity }: Settings) => {
      this.#limit = Math.min(maxConcurrentStreams, settings.maxConcurrentStreams);
      clearTimeout(patience);
      events.onReady();
    });
    session.on("goaway", (_code: number, lastStreamId: number) => {
      this.#leaving = true;
      this.lastStreamId = lastStreamId;
    });
    session.on("error", (error: Error) => (cause = error));
    session.once("close", () => {
      clearTimeout(patience);
      this.#idle.stop();
      socket.destroy();
      events.onClosed(this.#lost(cause));
    });
    const { requestTimeoutMs } = settings;
    const patience = setTimeout(
      () => session.destroy(overdue(origin, "connect", requestTimeoutMs)),
      requestTimeoutMs,
    );
    this.#idle = new IdleTimer(settings.poolIdleMs, () => this.open === 0 && events.onIdle());
  }

  /** It was made and the worker takes requests. */
  get isReady(): boolean {
    return this.#limit > 0;
  }

  get isUsable(): boolean {
    return !this.#leaving && !this.http2.closed && !this.http2.destroyed;
  }

  get hasRoom(): boolean {
    return this.open < this.#limit && this.isUsable;
  }

  /** Gives the place back. */
  release(): void {
    this.open -= 1;
    this.#idle.refresh();
  }

  close(): void {
    this.http2.destroy();
  }

  #lost(cause: Error | undefined): RequestPlaneError {
    if (RequestPlaneError.is(cause)) return cause;
    const address = this.#origin;
    const why = cause ? `: ${"code" in cause ? String(cause.code) : cause.message}` : "";
    const text = this.isReady ? `Lost the connection to ${address}` : `No HTTP/2 connection to ${address}`;
    const code = this.isReady ? "disconnected" : "cannot_connect";
    return new RequestPlaneError(code, text + why, { cause, facts: { address } });
  }
}
