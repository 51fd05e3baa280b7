import { encodePrologue } from "@dynamo/request-plane-core";
import type {
  ConnectionInfo,
  FrameForm,
  ResponseConnector,
  ResponseWriter,
  RequestPlaneError,
} from "@dynamo/request-plane-core";
import type { FrameOutput } from "./frame-output.ts";
import { FrameKind, HEAD_BYTES, IN_BAND_TRANSPORT, MAX_CREDIT } from "./frames.ts";

/** What a stream needs of its connection. */
export interface WriterCarrier {
  readonly output: FrameOutput;
  /** The system takes no more at the moment. */
  readonly isCongested: boolean;
  /** Nothing was written on this stream yet: before the next write to the socket it is to be asked. */
  opening(stream: ServerStream): void;
  /** The stream is to be asked again when the system takes more. */
  waiting(stream: ServerStream): void;
  forget(stream: ServerStream): void;
}

/** The worker's side of one request: where its response is written. */
export class ServerStream implements ResponseConnector, ResponseWriter {
  readonly transport = IN_BAND_TRANSPORT;
  readonly framing = "bare";
  readonly id: number;
  onControl: (control: "stop" | "kill") => void = nothing;
  readonly #carrier: WriterCarrier;
  #credit: number;
  #hasWritten = false;
  #isStopped = false;
  #isOver = false;
  #lost: RequestPlaneError | undefined;
  #wake: (() => void) | undefined;

  constructor(id: number, credit: number, carrier: WriterCarrier) {
    this.id = id;
    this.#credit = credit;
    this.#carrier = carrier;
  }

  connect(_info: ConnectionInfo): ResponseWriter {
    return this;
  }

  prologue(error?: RequestPlaneError): void {
    if (this.#isOver) return;
    if (error) this.#end(FrameKind.FAILED, encodePrologue(error));
    else this.#carrier.opening(this);
  }

  /** Says that the request is accepted, unless something was written that says so. */
  open(): void {
    if (this.#hasWritten || this.#isOver) return;
    this.#hasWritten = true;
    this.#carrier.output.empty(FrameKind.OPENED, this.id);
  }

  write(body: string | Uint8Array, form: FrameForm = "item"): boolean {
    if (this.#isOver) return true;
    this.#hasWritten = true;
    const kind = form === "item" ? FrameKind.ITEM : FrameKind.ANNOTATED;
    this.#credit -= HEAD_BYTES + this.#carrier.output.body(kind, this.id, body);
    return this.#hasRoom;
  }

  drained(): Promise<void> {
    if (this.#hasRoom) return DONE;
    this.#carrier.waiting(this);
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

  /** The caller said so. Gives whether that changed anything. */
  stop(): boolean {
    if (this.#isStopped) return false;
    this.#isStopped = true;
    this.onControl("stop");
    return true;
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

  /** Gives whether the stream is not waiting any more. */
  wakeIfRoom(): boolean {
    if (!this.#hasRoom) return false;
    this.#wake?.();
    this.#wake = undefined;
    return true;
  }

  get #hasRoom(): boolean {
    return this.#isOver || (this.#credit > 0 && !this.#carrier.isCongested);
  }

  #end(kind: FrameKind, text?: string): void {
    if (text === undefined) this.#carrier.output.empty(kind, this.id);
    else this.#carrier.output.body(kind, this.id, text);
    this.#close();
  }

  #close(): void {
    this.#isOver = true;
    this.#carrier.forget(this);
    this.wakeIfRoom();
  }
}

const DONE = Promise.resolve();

function nothing(): void {
  // Nobody listens.
}
