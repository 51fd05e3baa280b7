/**
 * Writes one response on the connection to the caller that it dials.
 *
 * Source: wire-protocol notes, sections 5.2 and 5.4.
 */
import { connect } from "node:net";
import type { Socket } from "node:net";
import type { Deadline, DeadlineQueue } from "../deadline-queue.ts";
import { RequestPlaneError } from "../errors.ts";
import type { Link, LinkedList } from "../linked-list.ts";
import type { Controlled, FrameForm, OnOver, ResponseWriter } from "../response-plane.ts";
import { formatSocketAddress } from "../socket-address.ts";
import type { SocketAddress } from "../socket-address.ts";
import { FrameDecoder } from "../wire/frame-decoder.ts";
import {
  decodeControl,
  encodePrologue,
  ENVELOPE_HEAD,
  ENVELOPE_TAIL,
  FINAL_BODY,
  ITEM_HEAD,
  ITEM_TAIL,
  SENTINEL,
} from "../wire/response-frames.ts";
import { asBuffer, measureTwoPart, TWO_PART_PREFIX_BYTES } from "../wire/two-part.ts";
import { wrapping } from "./frame-batch.ts";
import type { FrameBatch, SpareBatches } from "./frame-batch.ts";

/** A caller sends nothing but `"stop"` and `"kill"`. */
const MAX_CONTROL_BYTES = 1024;
const ITEM_WRAPPING = wrapping(ITEM_HEAD, ITEM_TAIL);
const ENVELOPE_WRAPPING = wrapping(ENVELOPE_HEAD, ENVELOPE_TAIL);
const measureControl = measureTwoPart(MAX_CONTROL_BYTES, "the protocol");

/** What the writers of a process have in common. */
export interface Shared {
  readonly writers: LinkedList<CallHomeWriter>;
  readonly batches: SpareBatches;
  /** How long the caller may take to accept the connection. */
  readonly connecting: DeadlineQueue<Socket>;
  /** To read what was written. */
  readonly reading: DeadlineQueue<Socket>;
  /** To close when it has read all. */
  readonly closing: DeadlineQueue<Socket>;
}

export class CallHomeWriter implements ResponseWriter {
  readonly framing = "wraps-text";
  controlled: Controlled | undefined;
  readonly #socket: Socket;
  readonly #address: SocketAddress;
  readonly #shared: Shared;
  readonly #link: Link<CallHomeWriter>;
  /** What is waited for: one thing at a time. */
  #bound: DeadlineQueue<Socket> | undefined;
  #deadline: Deadline<Socket> | undefined;
  /** What was written and has not left. */
  #batch: FrameBatch | undefined;
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
  /** Of `end`, told when the connection is closed. */
  #onOver: OnOver | undefined;

  constructor(address: SocketAddress, shared: Shared) {
    this.#address = address;
    this.#shared = shared;
    this.#link = shared.writers.add(this);
    this.#socket = dial(address, this);
    this.#waitIn(shared.connecting);
  }

  prologue(error?: RequestPlaneError): void {
    this.header(encodePrologue(error));
    if (!error) return;
    this.#refused = true;
    this.#finish();
  }

  /** A frame that is all header. */
  header(json: string): void {
    this.#toBatch().add(json, "header");
    this.#flushSoon();
  }

  write(body: string | Uint8Array, form: FrameForm = "wrapped"): boolean {
    const batch = this.#toBatch();
    if (typeof body !== "string" || form === "wrapped") batch.add(body, "body");
    else batch.addWrapped(body, form === "item" ? ITEM_WRAPPING : ENVELOPE_WRAPPING);
    if (batch.isFull) this.flush();
    else this.#flushSoon();
    return !this.#socket.writableNeedDrain;
  }

  async drained(): Promise<void> {
    if (this.#lost || !this.#socket.writableNeedDrain) return;
    this.#waitIn(this.#shared.reading);
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
      const batch = this.#toBatch();
      batch.add(mark, "body");
      batch.add(SENTINEL, "header");
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

  /** Everything written since the last flush, or before the connection stood, leaves in one system call. */
  flush(): void {
    this.#flushing = false;
    if (this.#socket.writable) this.#writeBatch();
  }

  connected(): void {
    this.#waitIn(undefined);
    this.#connected = true;
    if (this.#ended) {
      this.#finish();
      return;
    }
    // A response that is whole by now is over too soon for it.
    this.#socket.setKeepAlive(true);
    this.flush();
  }

  read(chunk: Buffer): void {
    this.#decoder ??= new FrameDecoder(measureControl, (bytes, start, end) => this.#obey(bytes, start, end));
    try {
      this.#decoder.push(chunk);
    } catch {
      // A caller that breaks the protocol can't be answered, as in Dynamo 1.2 and later.
      this.lose();
    }
  }

  /** The caller is gone, was never there, or wants no more. After the sentinel that is how it should be. */
  lose(cause?: Error): void {
    if (this.#lost) return;
    if (!this.#done) {
      const code = this.#connected ? "disconnected" : "cannot_connect";
      const address = formatSocketAddress(this.#address);
      this.#lost = new RequestPlaneError(code, `The caller at ${address} is gone`, {
        cause,
        facts: { address },
      });
      this.controlled?.control("kill");
    }
    this.#socket.destroy();
  }

  closed(): void {
    this.lose();
    this.#waitIn(undefined);
    this.#shared.writers.remove(this.#link);
    this.#onOver?.(this.#lost);
  }

  #toBatch(): FrameBatch {
    this.#batch ??= this.#shared.batches.take();
    return this.#batch;
  }

  #writeBatch(onWritten?: () => void): void {
    const batch = this.#batch;
    if (!batch) return;
    this.#batch = undefined;
    batch.writeTo(this.#socket, onWritten);
    this.#shared.batches.give(batch);
  }

  /** Nothing more will be written; what remains is that the caller reads it and closes. */
  #finish(): void {
    this.#ended = true;
    const socket = this.#socket;
    if (!this.#connected || !socket.writable) return;
    this.#writeBatch(() => {
      if (socket.destroyed) return;
      this.#done = true;
      this.#waitIn(this.#shared.closing);
    });
    // The system takes a short response at once, so that there is nothing to wait for.
    if (!this.#done && socket.writableLength > 0) this.#waitIn(this.#shared.reading);
    if (this.#refused) socket.end();
  }

  #flushSoon(): void {
    if (this.#flushing || !this.#connected) return;
    this.#flushing = true;
    process.nextTick(flush, this);
  }

  #obey(bytes: Buffer, start: number, end: number): void {
    const control = decodeControl(bytes.toString("utf8", start + TWO_PART_PREFIX_BYTES, end));
    if (control === "stop") this.controlled?.control("stop");
    else this.lose();
  }

  #waitIn(bound: DeadlineQueue<Socket> | undefined): void {
    if (this.#deadline) this.#bound?.delete(this.#deadline);
    this.#bound = bound;
    this.#deadline = bound?.add(this.#socket);
  }
}

/** The connection of a writer. What listens to it is the same for all, so that an idle one takes little memory. */
interface CallHomeSocket extends Socket {
  writer?: CallHomeWriter | undefined;
}

/** What callers say is short and read at once, so that all connections are read into one buffer. */
const READING = {
  buffer: Buffer.allocUnsafeSlow(MAX_CONTROL_BYTES),
  callback(this: CallHomeSocket, bytes: number, buffer: Uint8Array): boolean {
    this.writer?.read(asBuffer(buffer).subarray(0, bytes));
    return true;
  },
};

/** Starts to connect. */
function dial({ host, port }: SocketAddress, writer: CallHomeWriter): Socket {
  const socket: CallHomeSocket = connect({ host, port, noDelay: true, onread: READING });
  socket.writer = writer;
  // `once` would do more work than `on` for what a socket says only once.
  return socket.on("connect", onConnect).on("error", onError).on("end", onEnd).on("close", onClose);
}

function onConnect(this: CallHomeSocket): void {
  this.writer?.connected();
}

function onError(this: CallHomeSocket, cause: Error): void {
  this.writer?.lose(cause);
}

function onEnd(this: CallHomeSocket): void {
  this.writer?.lose();
}

function onClose(this: CallHomeSocket): void {
  this.writer?.closed();
  // Node refers to a socket for longer than it is open.
  this.writer = undefined;
}

function flush(writer: CallHomeWriter): void {
  writer.flush();
}
