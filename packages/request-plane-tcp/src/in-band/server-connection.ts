/**
 * The worker's end of a switched connection: takes requests, and carries the responses that are written to it.
 */
import type { Socket } from "node:net";
import {
  FRAME_HEAD_BYTES,
  kindAt,
  refusalText,
  RequestPlaneError,
  streamAt,
  StreamWriters,
} from "@dynamo/request-plane-core";
import type { ExpiryQueue, RequestAcceptor, SpareBuffers } from "@dynamo/request-plane-core";
import { FrameInput } from "./frame-input.ts";
import type { FrameSink } from "./frame-input.ts";
import { FrameOutput } from "./frame-output.ts";
import { FrameKind, MAX_STREAMS } from "./frames.ts";
import { decodeRequestBody } from "./request-body.ts";
import { ServerStream } from "./server-stream.ts";

/** How long a caller may take to read our last words. */
const FAREWELL_MS = 1_000;
/** What may wait for the caller to read before nothing more is read from it. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/**
 * Frames about streams that are over, for each request at most: a stop, a kill and some credit may cross with the
 * end of the response. A caller that sends many more has nothing to say.
 */
const IDLE_FRAMES_PER_REQUEST = 8;
const MAX_IDLE_FRAMES = 10_000;

export interface InBandServerOptions {
  readonly maxMessageBytes: number;
  /** Bounds how long the rest of a frame may take. */
  readonly unfinished: ExpiryQueue<Socket>;
  readonly spare: SpareBuffers;
  acceptorOf(path: string): RequestAcceptor | undefined;
}

export class InBandServerConnection extends StreamWriters implements FrameSink {
  readonly output: FrameOutput;
  readonly #socket: Socket;
  readonly #options: InBandServerOptions;
  readonly #input = new FrameInput(this);
  #lastStream = 0;
  #idleFrames = 0;
  #isUnfinished = false;

  /** Takes over a socket whose peer waits for the acknowledgement of its switch. */
  constructor(socket: Socket, options: InBandServerOptions) {
    super();
    this.#socket = socket;
    this.#options = options;
    this.output = new FrameOutput(socket, options.spare, () => this.open());
    socket.on("data", this.#read);
    socket.on("drain", () => this.#drained());
    socket.on("end", () => this.#lose());
    socket.on("close", () => this.#lose());
  }

  override get isCongested(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** Writes what is there and closes; what is still running is cut off. */
  finish(): void {
    this.output.flush();
    this.#lose();
    this.#farewell();
  }

  /** A request that is too large is refused, and the connection goes on. Nothing else needs more than a head. */
  admits(kind: number, id: number, bodyBytes: number): boolean {
    if (kind !== FrameKind.REQUEST) throw broken(`a frame of kind ${kind} with ${bodyBytes} bytes`);
    const limit = this.#options.maxMessageBytes;
    if (bodyBytes <= limit) return true;
    this.#enter(id);
    const message = `message too large: ${bodyBytes} bytes (max: ${limit} bytes)`;
    this.#refuse(id, new RequestPlaneError("payload_too_large", message), "");
    return false;
  }

  frame(bytes: Buffer, start: number, end: number): void {
    const id = streamAt(bytes, start);
    if (kindAt(bytes, start) === FrameKind.REQUEST) {
      this.#request(id, bytes, start, end);
      return;
    }
    if (id === 0 || id > this.#lastStream) throw broken(`stream ${id}, which was not opened`);
    const stream = this.streams.get(id);
    if (stream?.control(kindAt(bytes, start), bytes, start, end) !== true) this.#idle();
  }

  readonly #read = (chunk: Buffer): void => {
    try {
      this.#input.push(chunk);
      this.#watch();
      // Refusals need no credit: a caller that doesn't read them isn't read either, or they would pile up here.
      if (this.output.waitingBytes > MAX_WAITING_BYTES) this.#socket.pause();
    } catch (error) {
      this.#dismiss(RequestPlaneError.from(error));
    }
  };

  #request(id: number, bytes: Buffer, start: number, end: number): void {
    this.#enter(id);
    const { credit, path, headers, envelope } = decodeRequestBody(bytes, start + FRAME_HEAD_BYTES, end);
    const accept = this.#options.acceptorOf(path);
    if (!accept) {
      this.#refuse(id, new RequestPlaneError("unknown_endpoint", `unknown endpoint ${path}`), path);
      return;
    }
    if (this.streams.size >= MAX_STREAMS) {
      this.#refuse(
        id,
        new RequestPlaneError("overloaded", `${MAX_STREAMS} requests on one connection`),
        path,
      );
      return;
    }
    const stream = new ServerStream(id, credit, this);
    this.streams.add(stream);
    const refusal = accept({ headers, envelope, connector: stream });
    if (!refusal) return;
    this.streams.delete(stream);
    this.#refuse(id, refusal, path);
  }

  #enter(id: number): void {
    if (id <= this.#lastStream) throw broken(`stream ${id}, which was opened before`);
    this.#lastStream = id;
    this.#idleFrames = Math.max(0, this.#idleFrames - IDLE_FRAMES_PER_REQUEST);
  }

  #refuse(id: number, error: RequestPlaneError, path: string): void {
    this.output.body(FrameKind.REFUSED, id, refusalText(error, path));
  }

  #idle(): void {
    this.#idleFrames += 1;
    if (this.#idleFrames > MAX_IDLE_FRAMES) throw broken("too many frames that say nothing");
  }

  #drained(): void {
    this.#socket.resume();
    this.wake();
  }

  #watch(): void {
    const { isUnfinished } = this.#input;
    const { unfinished } = this.#options;
    // Each read that ends a frame starts the time anew.
    if (this.#isUnfinished) unfinished.delete(this.#socket);
    if (isUnfinished) unfinished.add(this.#socket);
    this.#isUnfinished = isUnfinished;
  }

  #lose(): void {
    this.loseAll(new RequestPlaneError("disconnected", "The caller is gone"));
  }

  /** The stream of frames can't be read any further: says why, and drops what still comes, so that it arrives. */
  #dismiss(error: RequestPlaneError): void {
    this.#socket.off("data", this.#read).resume();
    this.output.body(FrameKind.REFUSED, 0, refusalText(error, ""));
    this.output.flush();
    this.#lose();
    this.#farewell();
  }

  #farewell(): void {
    const socket = this.#socket;
    socket.end();
    const farewell = setTimeout(() => socket.destroy(), FAREWELL_MS);
    socket.once("close", () => clearTimeout(farewell));
  }
}

function broken(what: string): RequestPlaneError {
  return new RequestPlaneError("protocol_error", `The caller sent ${what}`);
}
