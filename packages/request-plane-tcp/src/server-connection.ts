import type { Socket } from "node:net";
import { FrameDecoder, refusalText, RequestPlaneError } from "@dynamo/request-plane-core";
import type { ExpiryQueue, RequestAcceptor } from "@dynamo/request-plane-core";
import { SWITCH_PATH } from "./in-band/frames.ts";
import { ACKNOWLEDGEMENT, encodeReply } from "./reply-frame.ts";
import { decodeRequestFrame, measureRequestFrame } from "./request-frame.ts";
import type { RequestFrame } from "./request-frame.ts";

/** How long a caller may take to read why its connection is closed, while what it still sends is dropped. */
const FAREWELL_MS = 1_000;

export interface ServerConnectionOptions {
  readonly maxMessageBytes: number;
  /** Bounds how long the rest of a frame may take. */
  readonly unfinished: ExpiryQueue<Socket>;
  acceptorOf(path: string): RequestAcceptor | undefined;
  /** The caller wants its responses in-band: the socket is another's from now on. */
  switched(): void;
}

/** Reads request frames and answers each, in order. */
export class ServerConnection {
  readonly #socket: Socket;
  readonly #options: ServerConnectionOptions;
  readonly #decoder: FrameDecoder;
  #isUnfinished = false;
  /** Replies to the frames of one read, written together. */
  #replies: Buffer[] = [];

  #isSwitched = false;

  constructor(socket: Socket, options: ServerConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#decoder = new FrameDecoder(measureRequestFrame(options.maxMessageBytes), this.#onFrame);
  }

  serve(): void {
    this.#socket.on("data", this.#read);
    // A caller that is gone needs no word; its requests run on, their responses have a way of their own.
    this.#socket.on("error", () => this.#socket.destroy());
  }

  readonly #read = (chunk: Buffer): void => {
    try {
      this.#decoder.push(chunk);
      // In a tick after those that open the responses' connections: waking an idle caller is what costs most, and
      // so it is woken once for both.
      process.nextTick(this.#flush);
      this.#watch();
      if (this.#isSwitched) this.#switch();
    } catch (error) {
      this.#dismiss(RequestPlaneError.from(error));
    }
  };

  /** One whole frame starts the time anew. */
  #watch(): void {
    const isUnfinished = this.#decoder.held > 0;
    if (isUnfinished === this.#isUnfinished) return;
    this.#isUnfinished = isUnfinished;
    if (isUnfinished) this.#options.unfinished.add(this.#socket);
    else this.#options.unfinished.delete(this.#socket);
  }

  readonly #onFrame = (bytes: Buffer, start: number, end: number): void => {
    this.#replies.push(this.#answer(bytes, start, end));
    this.#options.unfinished.delete(this.#socket);
    this.#isUnfinished = false;
  };

  #answer(bytes: Buffer, start: number, end: number): Buffer {
    const frame = readFrame(bytes, start, end);
    if (!frame) return encodeReply("Invalid endpoint path");
    const { path, headers, payload } = frame;
    if (this.#isSwitched) throw new RequestPlaneError("protocol_error", "A request right behind the switch");
    if (path === SWITCH_PATH) {
      this.#isSwitched = true;
      return ACKNOWLEDGEMENT;
    }
    const accept = this.#options.acceptorOf(path);
    if (!accept) return encodeReply(refusalText(unknownEndpoint(path), path));
    const refusal = accept({ headers, envelope: payload });
    return refusal ? encodeReply(refusalText(refusal, path)) : ACKNOWLEDGEMENT;
  }

  /** The caller writes nothing until it has the acknowledgement. */
  #switch(): void {
    this.#flush();
    if (this.#decoder.held > 0)
      throw new RequestPlaneError("protocol_error", "Bytes right behind the switch");
    this.#socket.off("data", this.#read);
    this.#options.switched();
  }

  readonly #flush = (): void => {
    const replies = this.#replies;
    if (replies.length === 0) return;
    this.#replies = [];
    const socket = this.#socket;
    if (socket.write(replies.length === 1 ? (replies[0] ?? "") : Buffer.concat(replies))) return;
    // A caller that doesn't read its replies isn't read either, or they would pile up here.
    socket.pause();
    socket.once("drain", () => socket.resume());
  };

  /** The stream can't be read any further: says why, and drops what still comes, so that the word arrives. */
  #dismiss(error: RequestPlaneError): void {
    const socket = this.#socket.off("data", this.#read).resume();
    this.#replies.push(encodeReply(refusalText(error, "")));
    this.#flush();
    socket.end();
    const farewell = setTimeout(() => socket.destroy(), FAREWELL_MS);
    socket.once("close", () => clearTimeout(farewell));
  }
}

/** `undefined` for a path that is no UTF-8, of which the text of the refusal can't speak. */
function readFrame(bytes: Buffer, start: number, end: number): RequestFrame | undefined {
  try {
    return decodeRequestFrame(bytes, start, end);
  } catch {
    return undefined;
  }
}

function unknownEndpoint(path: string): RequestPlaneError {
  return new RequestPlaneError("unknown_endpoint", `unknown endpoint ${path}`);
}
