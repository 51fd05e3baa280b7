/**
 * One connection to a worker that was switched to in-band responses: many requests and their responses at once.
 */
import { connect } from "node:net";
import type { Socket } from "node:net";
import {
  DeadlineQueue,
  formatSocketAddress,
  FRAME_HEAD_BYTES,
  kindAt,
  RequestPlaneError,
  streamAt,
  StreamTable,
} from "@dynamo/request-plane-core";
import type { InBandReceiver, InBandRequest, SpareBuffers } from "@dynamo/request-plane-core";
import type { TcpAddress } from "../address.ts";
import type { ClientConnectionOptions } from "../client-connection.ts";
import { lostConnection, timedOut } from "../connection-errors.ts";
import { ClientStream } from "./client-stream.ts";
import type { StreamCarrier } from "./client-stream.ts";
import { FrameInput } from "./frame-input.ts";
import type { FrameSink } from "./frame-input.ts";
import { FrameOutput } from "./frame-output.ts";
import type { RequestHead } from "./frame-output.ts";
import { FrameKind, MAX_STREAMS } from "./frames.ts";
import { SwitchRequest } from "./switch-request.ts";

const LAST_STREAM = 2 ** 32 - 1;
/** Of what a worker says about the connection as a whole. */
const MAX_TEXT_BYTES = 64 * 1024;

/** What may wait until the connection is switched. */
const MAX_HELD_BYTES = 4 * 1024 * 1024;

export interface InBandClientOptions extends ClientConnectionOptions {
  readonly spare: SpareBuffers;
}

export class InBandClientConnection implements FrameSink, StreamCarrier {
  readonly address: string;
  readonly output: FrameOutput;
  readonly #options: InBandClientOptions;
  readonly #socket: Socket;
  readonly #onClose: () => void;
  readonly #input = new FrameInput(this);
  readonly #streams = new StreamTable<ClientStream>();
  /** Streams whose request is out and not acknowledged. */
  readonly #unacknowledged: DeadlineQueue<ClientStream>;
  #lastStream = 0;
  /** How often something came. */
  #heard = 0;
  #state: "connecting" | "switching" | "open" | "closed" = "connecting";
  #switching: SwitchRequest | undefined;
  /** When it was used last, on the clock of `performance.now()`. */
  lastUsed = performance.now();

  /** Starts to connect; requests may be sent at once and wait until the connection is switched. */
  constructor({ host, port }: TcpAddress, options: InBandClientOptions, onClose: () => void) {
    this.address = formatSocketAddress({ host, port });
    this.#options = options;
    this.#onClose = onClose;
    this.#unacknowledged = new DeadlineQueue(options.requestTimeoutMs, (stream) => this.#expire(stream));
    const socket = connect({ host, port, noDelay: true, keepAlive: true });
    this.#socket = socket;
    this.output = new FrameOutput(socket, options.spare, nothing);
    this.output.hold();
    socket.setTimeout(options.connectTimeoutMs);
    socket.once("timeout", () => this.#timeOut());
    socket.once("connect", () => this.#connected());
    socket.on("error", (cause) => this.close(this.#lost(cause)));
    socket.on("end", () => this.close(this.#lost()));
    socket.on("close", () => this.close(this.#lost()));
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
  }

  /** Streams that are not over. */
  get size(): number {
    return this.#streams.size;
  }

  /** Requests that the worker has not accepted yet. */
  get pending(): number {
    return this.#state === "open" ? this.#unacknowledged.size : this.#streams.size;
  }

  get hasRoom(): boolean {
    return this.#streams.size < MAX_STREAMS && this.#lastStream < LAST_STREAM;
  }

  /** What was sent is still being written, or can't be yet; a request that is sent now has to wait behind it. */
  get isCongested(): boolean {
    if (this.#state === "open") return this.#socket.writableNeedDrain;
    return this.output.waitingBytes > MAX_HELD_BYTES;
  }

  get waitingBytes(): number {
    return this.output.waitingBytes;
  }

  send(head: RequestHead, request: InBandRequest, receiver: InBandReceiver): void {
    const stream = new ClientStream(++this.#lastStream, receiver, this);
    this.#streams.add(stream);
    this.output.request(stream.id, head, request);
    if (this.#state === "open") this.#await(stream);
    receiver.connected(stream);
  }

  /** Ends all streams with the error and closes. Does nothing the second time. */
  close(error: RequestPlaneError): void {
    if (this.#state === "closed") return;
    this.#leave();
    for (const stream of this.#streams.all()) stream.fail(error);
  }

  forget(stream: ClientStream): void {
    this.#streams.delete(stream);
    this.#stopWaiting(stream);
    if (this.#streams.size === 0) this.lastUsed = performance.now();
  }

  admits(_kind: number, id: number, bodyBytes: number): boolean {
    if (id === 0 && bodyBytes > MAX_TEXT_BYTES) throw broken("a large frame on stream 0");
    const stream = this.#find(id);
    if (!stream) return id === 0;
    if (bodyBytes <= stream.receiver.maxFrameBytes) return true;
    stream.rejectTooLarge(bodyBytes);
    return false;
  }

  frame(bytes: Buffer, start: number, end: number): void {
    const id = streamAt(bytes, start);
    const kind = kindAt(bytes, start);
    const bodyStart = start + FRAME_HEAD_BYTES;
    const stream = this.#find(id);
    if (!stream) {
      if (id === 0) this.#dismissed(kind, bytes.toString("utf8", bodyStart, end));
      return;
    }
    // Whatever it is, the worker has accepted the request, or has refused it.
    this.#stopWaiting(stream);
    stream.frame(kind, bytes, bodyStart, end);
  }

  #connected(): void {
    this.#state = "switching";
    this.#socket.setTimeout(this.#options.requestTimeoutMs);
    this.#switching = new SwitchRequest();
    this.#socket.write(this.#switching.frame);
  }

  #read(chunk: Buffer): void {
    this.#heard += 1;
    try {
      if (this.#switching) this.#switch(this.#switching, chunk);
      else this.#input.push(chunk);
    } catch (error) {
      this.close(RequestPlaneError.from(error, "protocol_error"));
    }
  }

  #switch(request: SwitchRequest, chunk: Buffer): void {
    const answer = request.read(chunk);
    if (answer === undefined) return;
    this.#switching = undefined;
    if (answer === "declined") {
      this.#leave();
      for (const stream of this.#streams.all()) stream.decline();
      return;
    }
    this.#state = "open";
    this.#socket.setTimeout(0);
    for (const stream of this.#streams.all()) this.#await(stream);
    this.output.release();
    this.#input.push(answer);
  }

  #await(stream: ClientStream): void {
    stream.sentAt = this.#heard;
    stream.deadline = this.#unacknowledged.add(stream);
  }

  #stopWaiting(stream: ClientStream): void {
    if (!stream.deadline) return;
    this.#unacknowledged.delete(stream.deadline);
    stream.deadline = undefined;
  }

  /** Whose stream a number is; `undefined` for 0 and for streams that are over. */
  #find(id: number): ClientStream | undefined {
    const stream = this.#streams.get(id);
    if (!stream && id > this.#lastStream) throw broken(`stream ${id}, which was not opened`);
    return stream;
  }

  /** A worker from which nothing at all came meanwhile may be gone: others shouldn't have to find that out. */
  #expire(stream: ClientStream): void {
    const { requestTimeoutMs } = this.#options;
    stream.reject(timedOut(this.address, "acknowledge", requestTimeoutMs));
    if (stream.sentAt === this.#heard) this.close(this.#lost());
  }

  #timeOut(): void {
    const { connectTimeoutMs, requestTimeoutMs } = this.#options;
    if (this.#state === "connecting") this.close(timedOut(this.address, "connect", connectTimeoutMs));
    else this.close(timedOut(this.address, "acknowledge", requestTimeoutMs));
  }

  #dismissed(kind: number, text: string): void {
    if (kind !== FrameKind.REFUSED) throw broken(`a frame of kind ${kind} on stream 0`);
    this.close(
      new RequestPlaneError("disconnected", text, { remote: true, facts: { address: this.address } }),
    );
  }

  /** Closes; the streams that are not over are still to be told. */
  #leave(): void {
    this.#state = "closed";
    this.#socket.destroy();
    this.#unacknowledged.clear();
    this.#onClose();
  }

  #lost(cause?: Error): RequestPlaneError {
    return lostConnection(this.address, this.#state !== "connecting", cause);
  }
}

/** The error of a worker that breaks the protocol. */
function broken(what: string): RequestPlaneError {
  return new RequestPlaneError("protocol_error", `The worker sent ${what}`);
}

function nothing(): void {
  // Callers have nothing to add.
}
