/**
 * One worker that called home: handshake, prologue, then data frames until the sentinel or the end of the
 * connection.
 */
import type { Socket } from "node:net";
import type { Deadline, DeadlineQueue } from "../deadline-queue.ts";
import { RequestPlaneError } from "../errors.ts";
import type { Link, LinkedList } from "../linked-list.ts";
import type { ResponseControl, ResponseReceiver } from "../response-plane.ts";
import { FrameDecoder } from "../wire/frame-decoder.ts";
import type { MeasureFrame } from "../wire/frame-decoder.ts";
import {
  decodeHandshake,
  decodePrologue,
  KILL_FRAME,
  SENTINEL,
  STOP_FRAME,
} from "../wire/response-frames.ts";
import { headerBytesOf, TWO_PART_PREFIX_BYTES } from "../wire/two-part.ts";

/** How long the peer may take to read our last words before the socket is taken away. */
const FAREWELL_MS = 1_000;

/** What a connection needs of the listener. */
export interface Home {
  readonly measure: MeasureFrame;
  /** All that are open. */
  readonly connections: LinkedList<CallHomeConnection>;
  /** Those that have not said yet which response they bring. */
  readonly halfOpen: DeadlineQueue<CallHomeConnection>;
  /** Gives the receiver of a subject's response, once; `undefined` when nobody waits for it. */
  claim(subject: string): ResponseReceiver | undefined;
}

type State = "handshake" | "prologue" | "streaming" | "done";

export class CallHomeConnection implements ResponseControl {
  readonly #socket: CallHomeSocket;
  readonly #home: Home;
  /** While a frame is unfinished: an idle connection has none. */
  #decoder: FrameDecoder | undefined;
  readonly #link: Link<CallHomeConnection>;
  #halfOpen: Deadline<CallHomeConnection> | undefined;
  #state: State = "handshake";
  #receiver: ResponseReceiver | undefined;
  #stopped = false;
  #isSettled = false;

  constructor(socket: CallHomeSocket, home: Home) {
    this.#socket = socket;
    this.#home = home;
    this.#link = home.connections.add(this);
    this.#halfOpen = home.halfOpen.add(this);
    socket.connection = this;
    socket.on("data", onData).on("end", onEnd).on("error", onError).on("close", onClose);
  }

  stop(): void {
    if (this.#stopped || this.#state === "done") return;
    this.#stopped = true;
    this.#socket.write(STOP_FRAME);
  }

  kill(): void {
    if (this.#state === "done") return;
    this.#state = "done";
    const farewell = setTimeout(() => this.#socket.destroy(), FAREWELL_MS);
    this.#socket.once("close", () => clearTimeout(farewell));
    // What the worker still sends is read and dropped, or it would never come to our word.
    this.#socket.resume();
    this.#socket.end(KILL_FRAME);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    if (this.#state !== "done") this.#socket.resume();
  }

  destroy(): void {
    this.#state = "done";
    this.#socket.destroy();
  }

  /** Ends the response with an error, unless it has ended already, and takes the socket away. */
  fail(error: RequestPlaneError): void {
    if (this.#state !== "done") {
      this.kill();
      this.#receiver?.failed(error);
    }
    this.#socket.destroySoon();
  }

  read(chunk: Buffer): void {
    const decoder = (this.#decoder ??= this.#newDecoder());
    try {
      decoder.push(chunk);
      if (decoder.held === 0) this.#decoder = undefined;
      if (!this.#isSettled && this.#state !== "done") this.#settle();
    } catch (error) {
      this.fail(RequestPlaneError.from(error, "protocol_error"));
    }
  }

  /** The sentinel, or the end of the connection: whichever comes first. */
  end(): void {
    if (this.#state === "done") return;
    const before = this.#state;
    this.#state = "done";
    if (before === "streaming") this.#receiver?.ended();
    else this.#receiver?.failed(lostConnection());
    // Half-closing first would be one more system call for each response. At once, so that the worker closes its end
    // while this process prepares its next request, and not while the worker has that to answer.
    if (this.#socket.writableLength === 0) this.#socket.destroy();
    else this.#socket.destroySoon();
  }

  closed(): void {
    this.end();
    this.#home.connections.remove(this.#link);
    this.#leaveHalfOpen();
  }

  #newDecoder(): FrameDecoder {
    return new FrameDecoder(this.#home.measure, (bytes, start, end) => this.#take(bytes, start, end));
  }

  #leaveHalfOpen(): void {
    if (this.#halfOpen) this.#home.halfOpen.delete(this.#halfOpen);
    this.#halfOpen = undefined;
  }

  /** Most responses are over with their first bytes: what costs a system call waits until this one isn't. */
  #settle(): void {
    this.#isSettled = true;
    this.#socket.setNoDelay(true).setKeepAlive(true);
  }

  #take(bytes: Buffer, start: number, end: number): void {
    const bodyStart = start + TWO_PART_PREFIX_BYTES + headerBytesOf(bytes, start);
    const header =
      bodyStart - start > TWO_PART_PREFIX_BYTES
        ? bytes.toString("utf8", start + TWO_PART_PREFIX_BYTES, bodyStart)
        : "";
    switch (this.#state) {
      case "streaming":
        if (header !== "") this.#sentinel(header, end - bodyStart);
        else if (end > bodyStart) this.#receiver?.frame(bytes, bodyStart, end, "wrapped");
        return;
      case "handshake":
        this.#handshake(header);
        return;
      case "prologue":
        this.#prologue(header, end - bodyStart);
        return;
      case "done":
    }
  }

  #handshake(header: string): void {
    const { subject } = decodeHandshake(header);
    this.#leaveHalfOpen();
    this.#receiver = this.#home.claim(subject);
    if (!this.#receiver) {
      this.kill();
      return;
    }
    this.#state = "prologue";
    this.#receiver.connected(this);
  }

  #prologue(header: string, bodyBytes: number): void {
    if (bodyBytes > 0)
      throw new RequestPlaneError("protocol_error", "Malformed prologue on the response connection");
    const refusal = decodePrologue(header);
    if (refusal) {
      this.fail(refusal);
      return;
    }
    this.#state = "streaming";
    this.#receiver?.opened();
  }

  #sentinel(header: string, bodyBytes: number): void {
    if (header !== SENTINEL || bodyBytes > 0) {
      throw new RequestPlaneError("protocol_error", "Unexpected control frame on the response connection");
    }
    this.end();
  }
}

/** The socket of a connection. What listens to it is the same for all, so that an idle one takes little memory. */
export interface CallHomeSocket extends Socket {
  connection?: CallHomeConnection | undefined;
}

function onData(this: CallHomeSocket, chunk: Buffer): void {
  this.connection?.read(chunk);
}

function onEnd(this: CallHomeSocket): void {
  this.connection?.end();
}

function onError(this: CallHomeSocket, cause: Error): void {
  this.connection?.fail(lostConnection(cause));
}

function onClose(this: CallHomeSocket): void {
  this.connection?.closed();
  // Node refers to a socket for longer than it is open.
  this.connection = undefined;
}

function lostConnection(cause?: Error): RequestPlaneError {
  return new RequestPlaneError("disconnected", "The worker's response connection was lost", { cause });
}
