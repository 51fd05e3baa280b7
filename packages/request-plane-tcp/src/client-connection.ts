import { connect } from "node:net";
import type { Socket } from "node:net";
import { formatSocketAddress, FrameDecoder, RequestPlaneError } from "@dynamo/request-plane-core";
import type { SocketAddress } from "@dynamo/request-plane-core";
import { lostConnection, timedOut } from "./connection-errors.ts";
import { decodeReply, measureReply } from "./reply-frame.ts";

export interface ClientConnectionOptions {
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly maxMessageBytes: number;
}

export interface ConnectionEvents {
  /** A reply came, so that there is room for another request. */
  readonly onReply: () => void;
  /** Called once. */
  readonly onClose: () => void;
}

/** A request on its way, until its reply. */
interface Waiter {
  readonly sentAt: number;
  readonly resolve: () => void;
  readonly reject: (error: RequestPlaneError) => void;
}

/**
 * One connection to a worker. Requests are written as they come; replies belong to them in order. There are
 * no ids, so a reply that is late would be taken for the next one: the connection is closed then.
 */
export class ClientConnection {
  readonly #address: string;
  readonly #options: ClientConnectionOptions;
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  #waiters: Waiter[] = [];
  #timer: NodeJS.Timeout | undefined;
  #corked = false;
  #isConnected = false;
  #closed = false;
  /** When it was used last, on the clock of `performance.now()`. */
  lastUsed = performance.now();

  /** Starts to connect; requests may be sent at once and wait for it. */
  constructor({ host, port }: SocketAddress, options: ClientConnectionOptions, events: ConnectionEvents) {
    this.#address = formatSocketAddress({ host, port });
    this.#options = options;
    this.#events = events;
    this.#socket = connect({ host, port, noDelay: true, keepAlive: true });
    this.#socket.setTimeout(options.connectTimeoutMs, () =>
      this.close(timedOut(this.#address, "connect", options.connectTimeoutMs)),
    );
    this.#socket.once("connect", () => this.#connected());
    this.#socket.on("error", (cause) => this.close(this.#lost(cause)));
    this.#socket.on("end", () => this.close(this.#lost()));
    const decoder = new FrameDecoder(measureReply(options.maxMessageBytes), this.#onReply);
    this.#socket.on("data", (chunk: Buffer) => this.#read(decoder, chunk));
  }

  /** Requests whose reply is awaited. */
  get pending(): number {
    return this.#waiters.length;
  }

  /** A large request is still being written; one sent now would have to wait behind it. */
  get isCongested(): boolean {
    return this.#isConnected && this.#socket.writableNeedDrain;
  }

  /** Resolves on the acknowledgement; rejects with the refusal or with what became of the connection. */
  send(frame: readonly Uint8Array[]): Promise<void> {
    this.lastUsed = performance.now();
    this.#cork();
    for (const piece of frame) this.#socket.write(piece);
    return new Promise((resolve, reject) => {
      this.#waiters.push({ sentAt: this.lastUsed, resolve, reject });
      if (this.#isConnected) this.#startTimer(this.#options.requestTimeoutMs);
    });
  }

  /** Fails what is awaited and closes. Does nothing the second time. */
  close(error: RequestPlaneError): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket.destroy();
    const waiters = this.#waiters;
    this.#waiters = [];
    this.#events.onClose();
    for (const waiter of waiters) waiter.reject(error);
  }

  /** Writes of one tick leave in one system call. */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
    process.nextTick(() => {
      this.#corked = false;
      this.#socket.uncork();
    });
  }

  #connected(): void {
    this.#isConnected = true;
    this.#socket.setTimeout(0);
    const now = performance.now();
    this.#waiters = this.#waiters.map((waiter) => ({ ...waiter, sentAt: now }));
    if (this.#waiters.length > 0) this.#startTimer(this.#options.requestTimeoutMs);
  }

  #read(decoder: FrameDecoder, chunk: Buffer): void {
    try {
      decoder.push(chunk);
    } catch (error) {
      this.close(RequestPlaneError.from(error, "protocol_error"));
    }
  }

  readonly #onReply = (bytes: Buffer, start: number, end: number): void => {
    const waiter = this.#waiters.shift();
    if (!waiter)
      throw new RequestPlaneError("protocol_error", `A reply nobody asked for from ${this.#address}`);
    const refusal = decodeReply(bytes, start, end);
    if (refusal) waiter.reject(refusal.with({ address: this.#address }));
    else waiter.resolve();
    this.#events.onReply();
  };

  /** One timer for all waits: they end in the order in which they began. */
  #startTimer(delayMs: number): void {
    this.#timer ??= setTimeout(this.#checkOldest, delayMs);
  }

  #lost(cause?: Error): RequestPlaneError {
    return lostConnection(this.#address, this.#isConnected, cause);
  }

  readonly #checkOldest = (): void => {
    this.#timer = undefined;
    const [oldest] = this.#waiters;
    if (!oldest) return;
    const { requestTimeoutMs } = this.#options;
    const leftMs = oldest.sentAt + requestTimeoutMs - performance.now();
    if (leftMs > 0) {
      this.#startTimer(leftMs);
      return;
    }
    this.#waiters.shift();
    oldest.reject(timedOut(this.#address, "acknowledge", requestTimeoutMs));
    this.close(this.#lost());
  };
}
