/**
 * The worker's half of call-home: dials the caller and writes one response.
 *
 * Source: wire-protocol notes, sections 5.2 and 5.4.
 */
import { connect } from "node:net";
import type { Socket } from "node:net";
import { RequestPlaneError } from "../errors.ts";
import { DeadlineQueue } from "../deadline-queue.ts";
import type { Deadline } from "../deadline-queue.ts";
import { LinkedList } from "../linked-list.ts";
import { memoized } from "../memo.ts";
import type { FrameForm, OnOver, ResponseConnector, ResponseWriter } from "../response-plane.ts";
import { parseSocketAddress } from "../socket-address.ts";
import type { ConnectionInfo } from "../wire/control-message.ts";
import { FrameDecoder } from "../wire/frame-decoder.ts";
import {
  decodeControl,
  encodeHandshake,
  encodePrologue,
  ENVELOPE_HEAD,
  ENVELOPE_TAIL,
  FINAL_BODY,
  ITEM_HEAD,
  ITEM_TAIL,
  SENTINEL,
} from "../wire/response-frames.ts";
import { LONGEST_TIMER_MS } from "../timeouts.ts";
import { measureTwoPart, TWO_PART_PREFIX_BYTES } from "../wire/two-part.ts";
import { CALL_HOME_TRANSPORT, decodeCallHomeInfo } from "./connection-info.ts";
import { FrameBatch, wrapping } from "./frame-batch.ts";

/** How long the caller may take to accept the connection. */
const CONNECT_TIMEOUT_MS = 5_000;
/** How long the caller may take to close after the sentinel; Dynamo's workers wait as long. */
const CLOSING_TIMEOUT_MS = 10_000;
/** A caller sends nothing but `"stop"` and `"kill"`. */
const MAX_CONTROL_BYTES = 1024;
const ITEM_WRAPPING = wrapping(ITEM_HEAD, ITEM_TAIL);
const ENVELOPE_WRAPPING = wrapping(ENVELOPE_HEAD, ENVELOPE_TAIL);
const measureControl = measureTwoPart(MAX_CONTROL_BYTES, "the protocol");

export class CallHomeConnector implements ResponseConnector {
  readonly transport = CALL_HOME_TRANSPORT;
  readonly #writers = new LinkedList<CallHomeWriter>();
  readonly #bounds: Bounds;
  readonly #parse = memoized(parseSocketAddress);

  /** `stallMs` is how long a caller may leave what is written unread; 0 is for ever. */
  constructor(stallMs = 0) {
    const destroy = (socket: Socket): unknown => socket.destroy();
    this.#bounds = {
      connecting: new DeadlineQueue(CONNECT_TIMEOUT_MS, destroy),
      reading: new DeadlineQueue(stallMs || LONGEST_TIMER_MS, destroy),
      closing: new DeadlineQueue(CLOSING_TIMEOUT_MS, destroy),
    };
  }

  /** Responses under way. */
  get size(): number {
    return this.#writers.size;
  }

  connect(connectionInfo: ConnectionInfo, requestId: string): ResponseWriter {
    const { address, subject } = decodeCallHomeInfo(connectionInfo, requestId);
    const { host, port } = this.#parse(address);
    const socket = connect({ host, port, noDelay: true });
    const writer = new CallHomeWriter(socket, address, this.#bounds, () => this.#writers.remove(link));
    const link = this.#writers.add(writer);
    writer.header(encodeHandshake(subject));
    return writer;
  }

  /** Closes what is under way, without saying that any response is whole. */
  close(): void {
    for (const writer of this.#writers) writer.abort();
    this.#writers.clear();
    for (const bound of Object.values(this.#bounds)) bound.clear();
  }
}

/** How long the caller may take, each for all responses of this process. */
interface Bounds {
  readonly [wait: string]: DeadlineQueue<Socket>;
  /** To accept the connection. */
  readonly connecting: DeadlineQueue<Socket>;
  /** To read what was written. */
  readonly reading: DeadlineQueue<Socket>;
  /** To close when it has read all. */
  readonly closing: DeadlineQueue<Socket>;
}

class CallHomeWriter implements ResponseWriter {
  readonly framing = "wraps-text";
  onControl: (control: "stop" | "kill") => void = () => undefined;
  readonly #socket: Socket;
  readonly #address: string;
  readonly #bounds: Bounds;
  /** What is waited for: one thing at a time. */
  #bound: DeadlineQueue<Socket> | undefined;
  #deadline: Deadline<Socket> | undefined;
  readonly #batch = new FrameBatch();
  /** Made when the caller says something, which most never do. */
  #decoder: FrameDecoder | undefined;
  #flushing = false;
  #connected = false;
  #ended = false;
  /** All of it has left this process, or was given up here: the end of the connection is no loss then. */
  #done = false;
  /** The response was refused: nothing follows, not even the sentinel. */
  #refused = false;
  #lost: RequestPlaneError | undefined;
  readonly #onClose: () => void;
  /** Of `end`, told when the connection is closed. */
  #onOver: OnOver | undefined;

  constructor(socket: Socket, address: string, bounds: Bounds, onClose: () => void) {
    this.#socket = socket;
    this.#onClose = onClose;
    this.#address = address;
    this.#bounds = bounds;
    this.#waitIn(bounds.connecting);
    // `once` would do more work than `on` for what a socket says only once.
    socket.on("connect", () => this.#connect());
    socket.on("error", (cause) => this.#lose(cause));
    socket.on("end", () => this.#lose());
    socket.on("close", () => this.#closed());
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
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

  write(body: string | Uint8Array, form: FrameForm = "wrapped"): boolean {
    if (typeof body !== "string" || form === "wrapped") this.#batch.add(body, "body");
    else this.#batch.addWrapped(body, form === "item" ? ITEM_WRAPPING : ENVELOPE_WRAPPING);
    if (this.#batch.isFull) this.#flush();
    else this.#flushSoon();
    return !this.#socket.writableNeedDrain;
  }

  async drained(): Promise<void> {
    if (this.#lost || !this.#socket.writableNeedDrain) return;
    this.#waitIn(this.#bounds.reading);
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#waitIn(undefined);
        this.#socket.off("drain", done).off("close", done);
        resolve();
      };
      this.#socket.on("drain", done).on("close", done);
    });
  }

  end(onOver: OnOver, mark: string | Uint8Array = FINAL_BODY): void {
    if (!this.#ended) {
      this.#batch.add(mark, "body");
      this.#batch.add(SENTINEL, "header");
      this.#finish();
    }
    if (this.#socket.closed) onOver(this.#lost);
    else this.#onOver = onOver;
  }

  abort(): void {
    this.#ended = true;
    this.#done = true;
    this.#socket.destroy();
  }

  #connect(): void {
    this.#waitIn(undefined);
    this.#connected = true;
    if (this.#ended) {
      this.#finish();
      return;
    }
    // A response that is whole by now is over too soon for it.
    this.#socket.setKeepAlive(true);
    this.#flush();
  }

  /** Nothing more will be written; what remains is that the caller reads it and closes. */
  #finish(): void {
    this.#ended = true;
    const socket = this.#socket;
    if (!this.#connected || !socket.writable) return;
    this.#batch.writeTo(socket, () => {
      if (socket.destroyed) return;
      this.#done = true;
      this.#waitIn(this.#bounds.closing);
    });
    // The system takes a short response at once, so that there is nothing to wait for.
    if (!this.#done && socket.writableLength > 0) this.#waitIn(this.#bounds.reading);
    if (this.#refused) socket.end();
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

  #read(chunk: Buffer): void {
    this.#decoder ??= new FrameDecoder(measureControl, this.#onFrame);
    try {
      this.#decoder.push(chunk);
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

  #waitIn(bound: DeadlineQueue<Socket> | undefined): void {
    if (this.#deadline) this.#bound?.delete(this.#deadline);
    this.#bound = bound;
    this.#deadline = bound?.add(this.#socket);
  }

  #closed(): void {
    this.#lose();
    this.#waitIn(undefined);
    this.#onClose();
    this.#onOver?.(this.#lost);
    // Node's handle of a socket, and what it refers to, waits for a full garbage collection.
    this.#socket.removeAllListeners();
  }

  /** The caller is gone, was never there, or wants no more. After the sentinel that is how it should be. */
  #lose(cause?: Error): void {
    if (this.#lost) return;
    if (!this.#done) {
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
