/**
 * The worker's side of one in-band response: frames in the body of the answer to its request.
 */
import { encodePrologue, RequestPlaneError } from "@dynamo/request-plane-core";
import type {
  ConnectionInfo,
  Controlled,
  Deadline,
  DeadlineQueue,
  FrameForm,
  OnOver,
  ResponseConnector,
  ResponseWriter,
  SpareBuffers,
} from "@dynamo/request-plane-core";
import type { Exchange } from "../exchange.ts";
import { FrameBatch } from "./frame-batch.ts";
import { BodyFrame, IN_BAND_TRANSPORT, IN_BAND_TYPE } from "./frames.ts";

/** What writers need of their server. */
export interface WriterHost {
  readonly spare: SpareBuffers;
  /** Bounds how long a caller may take for what is left of a response that is over. */
  readonly finishing: DeadlineQueue<InBandWriter>;
  /** Called once, when nothing more can be said to the writer. */
  forget(place: WriterPlace): void;
}

/**
 * What refers to a writer for as long as something may be said to it. Maps, and streams with their listeners, may be
 * kept long after their end, or what went through them.
 */
export interface WriterPlace {
  readonly key: string;
  writer: InBandWriter | undefined;
}

const HEADERS = { "content-type": IN_BAND_TYPE } as const;
/** More than this isn't collected before it is written. */
const BATCH_BYTES = 30 * 1024;

export class InBandWriter implements ResponseConnector, ResponseWriter {
  readonly transport = IN_BAND_TRANSPORT;
  readonly framing = "bare";
  readonly place: WriterPlace;
  /** Its request is answered here and not some other way. */
  isConnected = false;
  controlled: Controlled | undefined;
  readonly #exchange: Exchange;
  readonly #host: WriterHost;
  /** Written in this tick and not handed to the exchange yet. */
  readonly #batch: FrameBatch;
  #isScheduled = false;
  #hasBegun = false;
  /** The last frame is written. */
  #isOver = false;
  #isStopped = false;
  #isClosed = false;
  #lost: RequestPlaneError | undefined;
  /** Of `drained`, told when the exchange is closed. */
  #wake: (() => void) | undefined;
  /** Of `end`, told when the exchange is closed. */
  #onOver: OnOver | undefined;
  #finishing: Deadline<InBandWriter> | undefined;

  constructor(key: string, exchange: Exchange, host: WriterHost) {
    this.place = { key, writer: this };
    this.#exchange = exchange;
    this.#host = host;
    this.#batch = new FrameBatch(host.spare);
  }

  connect(_info: ConnectionInfo): ResponseWriter {
    this.isConnected = true;
    const { output } = this.#exchange;
    const { place } = this;
    const closed = (): void => place.writer?.closed();
    if (output.closed) setImmediate(closed);
    else output.on("close", closed);
    return this;
  }

  prologue(error?: RequestPlaneError): void {
    if (this.#isOver) return;
    if (error) this.#finish(BodyFrame.FAILED, encodePrologue(error));
    else this.#schedule();
  }

  write(body: string | Uint8Array, form: FrameForm = "item"): boolean {
    if (this.#isOver) return true;
    if (form === "item") this.#batch.item(body);
    else this.#batch.frame(BodyFrame.ANNOTATED, body);
    this.#schedule();
    if (this.#batch.bytes >= BATCH_BYTES) this.#flush();
    return !this.#exchange.output.writableNeedDrain;
  }

  drained(): Promise<void> {
    const { output } = this.#exchange;
    if (!output.writableNeedDrain || this.#isClosed) return DONE;
    return new Promise((resolve) => {
      this.#wake = () => {
        output.off("drain", resolve);
        resolve();
      };
      output.once("drain", resolve);
    });
  }

  end(onOver: OnOver): void {
    if (!this.#isOver) this.#finish(BodyFrame.END);
    if (this.#isClosed) {
      onOver(this.#lost);
      return;
    }
    this.#onOver = onOver;
    this.#finishing = this.#host.finishing.add(this);
  }

  /** A caller that reads is told; one that doesn't is cut off. */
  abort(): void {
    if (this.#isOver) return;
    if (this.#exchange.output.writableNeedDrain) this.cut();
    else this.#finish(BodyFrame.RESET);
  }

  /** The caller asks for an end. */
  stop(): void {
    if (this.#isStopped || this.#isOver) return;
    this.#isStopped = true;
    this.controlled?.control("stop");
  }

  cut(): void {
    this.#exchange.cut();
  }

  #finish(kind: BodyFrame, body = ""): void {
    this.#batch.frame(kind, body);
    this.#schedule();
    this.#isOver = true;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(leave, this);
  }

  /** All of a tick, and the end of the answer with it where there is one. */
  leave(): void {
    this.#isScheduled = false;
    if (this.#isClosed) return;
    if (!this.#hasBegun && this.#batch.bytes === 0) this.#batch.frame(BodyFrame.OPENED, "");
    this.#flush();
  }

  #flush(): void {
    if (this.#batch.bytes === 0 || this.#isClosed) return;
    if (!this.#hasBegun) this.#exchange.begin(200, HEADERS, "no date");
    this.#hasBegun = true;
    const bytes = this.#batch.take();
    if (this.#isOver) this.#exchange.output.end(bytes);
    else this.#exchange.output.write(bytes);
  }

  /** The exchange is. */
  closed(): void {
    this.#isClosed = true;
    this.#host.forget(this.place);
    if (!this.#isOver || !this.#exchange.isOutputWhole)
      this.#lost = new RequestPlaneError("disconnected", "The caller left before its response was whole");
    if (!this.#isOver) {
      this.#isOver = true;
      this.controlled?.control("kill");
    }
    this.#wake?.();
    if (this.#finishing) this.#host.finishing.delete(this.#finishing);
    this.#onOver?.(this.#lost);
  }
}

const DONE = Promise.resolve();

function leave(writer: InBandWriter): void {
  writer.leave();
}
