import { encodePrologue, RequestPlaneError } from "@dynamo/request-plane-core";
import type {
  ConnectionInfo,
  FrameForm,
  ResponseConnector,
  ResponseWriter,
  StreamTable,
} from "@dynamo/request-plane-core";
import type { Msg } from "@nats-io/transport-node";
import { FrameKind, IN_BAND_TRANSPORT, INITIAL_CREDIT, MAX_CREDIT } from "./frames.ts";
import type { MessageOutput } from "./message-output.ts";

/** What a stream needs of the link it is written on. */
export interface WriterLink {
  readonly output: MessageOutput;
  /** More was sent than the server has read. */
  readonly isCongested: boolean;
  /** Those that are not over. */
  readonly streams: StreamTable<ServerStream>;
  /** Those that are to be asked again when there is room. */
  readonly waiting: Set<ServerStream>;
  /** The stream says that it is accepted, at the end of the tick at the latest. */
  opening(stream: ServerStream): void;
}

export interface ServerLinks {
  /**
   * The link to the caller that listens for the reply; gives the stream its number. `undefined` when it can't be
   * answered in-band. Throws what the request is refused with.
   */
  attach(stream: ServerStream, reply: string): WriterLink | undefined;
}

/** The worker's side of one request: where its response is written, if it is to come in-band. */
export class ServerStream implements ResponseConnector, ResponseWriter {
  readonly transport = IN_BAND_TRANSPORT;
  readonly framing = "bare";
  onControl: (control: "stop" | "kill") => void = nothing;
  readonly #server: ServerLinks;
  readonly #request: Msg;
  #link: WriterLink | undefined;
  /** The number in the request's reply subject. */
  id = 0;
  #credit = INITIAL_CREDIT;
  #hasWritten = false;
  #isStopped = false;
  #isOver = false;
  #lost: RequestPlaneError | undefined;
  #wake: (() => void) | undefined;

  /** The request asks for it, but it can't be. */
  isDeclined = false;

  constructor(server: ServerLinks, request: Msg) {
    this.#server = server;
    this.#request = request;
  }

  /** The response comes in-band. */
  get isConnected(): boolean {
    return this.#link !== undefined;
  }

  connect(_info: ConnectionInfo): ResponseWriter {
    this.#link = this.#server.attach(this, this.#request.reply ?? "");
    if (this.#link) return this;
    this.isDeclined = true;
    throw new RequestPlaneError("unavailable", "This worker can't answer over NATS");
  }

  prologue(error?: RequestPlaneError): void {
    if (this.#isOver) return;
    if (error) this.#end(FrameKind.FAILED, encodePrologue(error));
    else this.#link?.opening(this);
  }

  /** Says that the request is accepted, unless something was written that says so. */
  open(): void {
    if (this.#hasWritten || this.#isOver) return;
    this.#hasWritten = true;
    this.#link?.output.empty(FrameKind.OPENED, this.id);
  }

  write(body: string | Uint8Array, form: FrameForm = "item"): boolean {
    if (this.#isOver || !this.#link) return true;
    this.#hasWritten = true;
    const kind = form === "item" ? FrameKind.ITEM : FrameKind.ANNOTATED;
    this.#credit -= this.#link.output.body(kind, this.id, body);
    return this.#hasRoom;
  }

  drained(): Promise<void> {
    if (this.#hasRoom) return DONE;
    this.#link?.waiting.add(this);
    return new Promise((resolve) => (this.#wake = resolve));
  }

  end(): Promise<void> {
    if (this.#lost) return Promise.reject(this.#lost);
    if (!this.#isOver) this.#end(FrameKind.END);
    return DONE;
  }

  abort(): void {
    if (!this.#isOver) this.#end(FrameKind.RESET);
  }

  /** The caller said so. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.onControl("stop");
  }

  /** The caller is gone, or wants no more. */
  lose(error: RequestPlaneError): void {
    if (this.#isOver) return;
    this.#lost = error;
    this.#close();
    this.onControl("kill");
  }

  /** Gives whether the caller may grant so much. */
  grant(bytes: number): boolean {
    this.#credit += bytes;
    this.wakeIfRoom();
    return this.#credit <= MAX_CREDIT;
  }

  wakeIfRoom(): void {
    if (!this.#hasRoom) return;
    this.#link?.waiting.delete(this);
    this.#wake?.();
    this.#wake = undefined;
  }

  get #hasRoom(): boolean {
    return this.#isOver || (this.#credit > 0 && this.#link?.isCongested !== true);
  }

  #end(kind: FrameKind, text?: string): void {
    const output = this.#link?.output;
    if (text === undefined) output?.empty(kind, this.id);
    else output?.body(kind, this.id, text);
    this.#close();
  }

  #close(): void {
    this.#isOver = true;
    this.#link?.streams.delete(this);
    this.wakeIfRoom();
  }
}

const DONE = Promise.resolve();

function nothing(): void {
  // Nobody listens.
}
