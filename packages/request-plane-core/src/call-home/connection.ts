/**
 * One worker that called home: handshake, prologue, then data frames until the sentinel or the end of the
 * connection.
 */
import type { Socket } from "node:net";
import { RequestPlaneError } from "../errors.ts";
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
export interface CallHomeEvents {
  /** Gives the receiver of a subject's response, once; `undefined` when nobody waits for it. */
  readonly claim: (subject: string) => ResponseReceiver | undefined;
  readonly onClose: () => void;
}

type State = "handshake" | "prologue" | "streaming" | "done";

export class CallHomeConnection implements ResponseControl {
  readonly #socket: Socket;
  readonly #events: CallHomeEvents;
  #state: State = "handshake";
  #receiver: ResponseReceiver | undefined;
  #stopped = false;
  #isSettled = false;

  constructor(socket: Socket, measure: MeasureFrame, events: CallHomeEvents) {
    this.#socket = socket;
    this.#events = events;
    const decoder = new FrameDecoder(measure, this.#onFrame);
    socket.on("data", (chunk: Buffer) => this.#read(decoder, chunk));
    socket.on("end", () => this.#end());
    socket.on("error", (cause) => this.fail(lostConnection(cause)));
    socket.on("close", () => this.#closed());
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

  #read(decoder: FrameDecoder, chunk: Buffer): void {
    try {
      decoder.push(chunk);
      if (!this.#isSettled && this.#state !== "done") this.#settle();
    } catch (error) {
      this.fail(RequestPlaneError.from(error, "protocol_error"));
    }
  }

  /** Most responses are over with their first bytes: what costs a system call waits until this one isn't. */
  #settle(): void {
    this.#isSettled = true;
    this.#socket.setNoDelay(true).setKeepAlive(true);
  }

  readonly #onFrame = (bytes: Buffer, start: number, end: number): void => {
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
  };

  #handshake(header: string): void {
    const { subject } = decodeHandshake(header);
    this.#receiver = this.#events.claim(subject);
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

  #closed(): void {
    this.#end();
    this.#events.onClose();
    // Node's handle of a socket, and what it refers to, waits for a full garbage collection.
    this.#socket.removeAllListeners();
  }

  #sentinel(header: string, bodyBytes: number): void {
    if (header !== SENTINEL || bodyBytes > 0) {
      throw new RequestPlaneError("protocol_error", "Unexpected control frame on the response connection");
    }
    this.#end();
  }

  /** The sentinel, or the end of the connection: whichever comes first. */
  #end(): void {
    if (this.#state === "done") return;
    const before = this.#state;
    this.#state = "done";
    if (before === "streaming") this.#receiver?.ended();
    else this.#receiver?.failed(lostConnection());
    // Half-closing first would be one more system call for each response, and whoever waits for it comes first.
    if (this.#socket.writableLength === 0) setImmediate(destroy, this.#socket);
    else this.#socket.destroySoon();
  }
}

function destroy(socket: Socket): void {
  socket.destroy();
}

function lostConnection(cause?: Error): RequestPlaneError {
  return new RequestPlaneError("disconnected", "The worker's response connection was lost", { cause });
}
