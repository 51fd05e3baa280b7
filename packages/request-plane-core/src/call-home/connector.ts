/**
 * The worker's half of call-home: dials the caller and writes one response.
 *
 * Source: wire-protocol notes, sections 5.2 and 5.4.
 */
import { connect } from "node:net";
import type { Socket } from "node:net";
import { RequestPlaneError } from "../errors.ts";
import { ExpiryQueue } from "../expiry-queue.ts";
import type { ResponseConnector, ResponseWriter } from "../response-plane.ts";
import { parseSocketAddress } from "../socket-address.ts";
import type { ConnectionInfo } from "../wire/control-message.ts";
import { FrameDecoder } from "../wire/frame-decoder.ts";
import {
  decodeControl,
  encodeHandshake,
  encodePrologue,
  FINAL_BODY,
  SENTINEL,
} from "../wire/response-frames.ts";
import { measureTwoPart, TWO_PART_PREFIX_BYTES } from "../wire/two-part.ts";
import { CALL_HOME_TRANSPORT, decodeCallHomeInfo } from "./connection-info.ts";
import { FrameBatch } from "./frame-batch.ts";

/** How long the caller may take to accept the connection. */
const CONNECT_TIMEOUT_MS = 5_000;
/** How long the caller may take to close after the sentinel; Dynamo's workers wait as long. */
const CLOSING_TIMEOUT_MS = 10_000;
/** A caller sends nothing but `"stop"` and `"kill"`. */
const MAX_CONTROL_BYTES = 1024;

export class CallHomeConnector implements ResponseConnector {
  readonly transport = CALL_HOME_TRANSPORT;
  readonly #writers = new Set<CallHomeWriter>();
  readonly #connecting = new ExpiryQueue<Socket>(CONNECT_TIMEOUT_MS, (socket) => socket.destroy());
  readonly #closing = new ExpiryQueue<Socket>(CLOSING_TIMEOUT_MS, (socket) => socket.destroy());

  /** Responses under way. */
  get size(): number {
    return this.#writers.size;
  }

  connect(connectionInfo: ConnectionInfo, requestId: string): ResponseWriter {
    const { address, subject } = decodeCallHomeInfo(connectionInfo, requestId);
    const socket = connect({ ...parseSocketAddress(address), noDelay: true, keepAlive: true });
    const writer = new CallHomeWriter(socket, address, this.#closing);
    writer.header(encodeHandshake(subject));
    this.#writers.add(writer);
    this.#connecting.add(socket);
    socket.once("connect", () => this.#connecting.delete(socket));
    socket.once("close", () => {
      this.#writers.delete(writer);
      this.#connecting.delete(socket);
      this.#closing.delete(socket);
    });
    return writer;
  }

  /** Closes what is under way, without saying that any response is whole. */
  close(): void {
    for (const writer of this.#writers) writer.abort();
    this.#writers.clear();
    this.#connecting.clear();
    this.#closing.clear();
  }
}

class CallHomeWriter implements ResponseWriter {
  onControl: (control: "stop" | "kill") => void = () => undefined;
  readonly #socket: Socket;
  readonly #address: string;
  /** Bounds how long the caller may take to close. */
  readonly #closing: ExpiryQueue<Socket>;
  readonly #batch = new FrameBatch();
  #flushing = false;
  #connected = false;
  #ended = false;
  /** The response was refused: nothing follows, not even the sentinel. */
  #refused = false;
  #lost: RequestPlaneError | undefined;

  constructor(socket: Socket, address: string, closing: ExpiryQueue<Socket>) {
    this.#socket = socket;
    this.#address = address;
    this.#closing = closing;
    socket.once("connect", () => this.#connect());
    socket.on("error", (cause) => this.#lose(cause));
    socket.on("end", () => this.#lose());
    socket.on("close", () => this.#lose());
    const decoder = new FrameDecoder(measureTwoPart(MAX_CONTROL_BYTES, "the protocol"), this.#onFrame);
    socket.on("data", (chunk: Buffer) => this.#read(decoder, chunk));
  }

  prologue(error?: RequestPlaneError): void {
    this.header(encodePrologue(error));
    if (!error) return;
    this.#refused = true;
    this.#finish();
  }

  /** A frame that is all header. */
  header(json: string): void {
    this.#batch.add(json, "header");
    this.#flushSoon();
  }

  write(body: string | Uint8Array): boolean {
    this.#batch.add(body, "body");
    if (this.#batch.isFull) this.#flush();
    else this.#flushSoon();
    return !this.#socket.writableNeedDrain;
  }

  async drained(): Promise<void> {
    if (this.#lost || !this.#socket.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#socket.off("drain", done).off("close", done);
        resolve();
      };
      this.#socket.on("drain", done).on("close", done);
    });
  }

  async end(): Promise<void> {
    const lostBefore = this.#lost;
    if (!this.#ended) {
      this.#batch.add(FINAL_BODY, "body");
      this.#batch.add(SENTINEL, "header");
      this.#finish();
    }
    if (!this.#socket.closed) await new Promise((resolve) => this.#socket.once("close", resolve));
    const error = lostBefore ?? this.#lost;
    if (error) throw error;
  }

  abort(): void {
    this.#ended = true;
    this.#socket.destroy();
  }

  #connect(): void {
    this.#connected = true;
    if (this.#ended) this.#finish();
    else this.#flush();
  }

  /** Nothing more will be written; what remains is that the caller closes. */
  #finish(): void {
    this.#ended = true;
    if (!this.#connected) return;
    this.#flush();
    if (this.#refused) this.#socket.end();
    this.#closing.add(this.#socket);
  }

  #flushSoon(): void {
    if (this.#flushing || !this.#connected) return;
    this.#flushing = true;
    process.nextTick(this.#flush);
  }

  /** Everything written since the last flush, or before the connection stood, leaves in one system call. */
  readonly #flush = (): void => {
    this.#flushing = false;
    if (this.#batch.isEmpty || !this.#socket.writable) return;
    this.#batch.writeTo(this.#socket);
  };

  #read(decoder: FrameDecoder, chunk: Buffer): void {
    try {
      decoder.push(chunk);
    } catch {
      // A caller that breaks the protocol can't be answered, as in Dynamo 1.2 and later.
      this.#lose();
    }
  }

  readonly #onFrame = (bytes: Buffer, start: number, end: number): void => {
    const control = decodeControl(bytes.toString("utf8", start + TWO_PART_PREFIX_BYTES, end));
    if (control === "stop") this.onControl("stop");
    else this.#lose();
  };

  /** The caller is gone, was never there, or wants no more. After the sentinel that is how it should be. */
  #lose(cause?: Error): void {
    if (this.#lost) return;
    if (!this.#ended || !this.#connected) {
      const code = this.#connected ? "disconnected" : "cannot_connect";
      this.#lost = new RequestPlaneError(code, `The caller at ${this.#address} is gone`, {
        cause,
        facts: { address: this.#address },
      });
      this.onControl("kill");
    }
    this.#socket.destroy();
  }
}
