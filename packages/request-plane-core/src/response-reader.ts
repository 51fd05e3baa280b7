/**
 * Turns what arrives of one response into items, and says when it is over. The state machine behind
 * `ResponseStream`.
 *
 * Source of the rules of ending: wire-protocol notes, sections 5.2 and 5.5.
 */
import { errorOfItem, isErrorItem } from "./annotated.ts";
import type { Annotated } from "./annotated.ts";
import { RequestPlaneError } from "./errors.ts";
import type { ResponseBuffer } from "./response-buffer.ts";
import { deadlineExceeded } from "./timeouts.ts";
import type { Timeouts } from "./timeouts.ts";
import { Watchdog } from "./watchdog.ts";
import type { WatchedPhase } from "./watchdog.ts";

/** No item is here yet. */
export const WAIT: unique symbol = Symbol("wait");
/** The response is over and was whole. */
export const END: unique symbol = Symbol("end");

/** How long a worker that said that all is done may take to close. */
const CLOSING_MS = 1_000;

/** The body of a data frame (`NetworkStreamWrapper` in Dynamo). */
interface Wrapper<T> {
  readonly data?: Annotated<T>;
  readonly complete_final?: boolean;
}

export class ResponseReader<T> {
  readonly #buffer: ResponseBuffer;
  readonly #timeouts: Timeouts;
  readonly #onClose: (error: RequestPlaneError | undefined) => void;
  readonly #watchdog: Watchdog;
  #acknowledged = false;
  #begun = false;
  /** The item that `open` waited for. */
  #first: Annotated<T> | undefined;
  #stopped = false;
  /** The worker said that the response is whole; what is missing is that it closes. */
  #complete = false;
  #closed = false;
  #untold: RequestPlaneError | undefined;
  #wake: (() => void) | undefined;

  constructor(
    buffer: ResponseBuffer,
    timeouts: Timeouts,
    onClose: (error: RequestPlaneError | undefined) => void,
  ) {
    this.#buffer = buffer;
    this.#timeouts = timeouts;
    this.#onClose = onClose;
    this.#watchdog = new Watchdog((phase, limitMs) => this.#expire(phase, limitMs));
    buffer.onChange = () => this.#wake?.();
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /**
   * Resolves when the first item is here, or the end of a response without any. Rejects with what the
   * delivery rejects with, unless the worker has begun all the same.
   */
  async open(delivery: Promise<void>): Promise<void> {
    delivery.then(
      () => {
        this.#acknowledged = true;
        this.#wake?.();
      },
      (error: unknown) => {
        if (this.#buffer.state === "waiting") this.cancel(RequestPlaneError.from(error));
      },
    );
    const first = await this.next();
    if (first !== END) this.#first = first;
  }

  /** The next item, as soon as it is here. Rejects once with the error that ended the response. */
  async next(): Promise<Annotated<T> | typeof END> {
    for (;;) {
      const item = this.take();
      if (item !== WAIT) return item;
      this.#watch();
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
      this.#watchdog.rest();
    }
  }

  /** The next item if it is here. Throws once the error that ended the response; then it is `END`. */
  take(): Annotated<T> | typeof END | typeof WAIT {
    const first = this.#first;
    if (first) {
      this.#first = undefined;
      return first;
    }
    if (this.#closed) return this.#afterwards();
    try {
      return this.#take();
    } catch (error) {
      const failure = RequestPlaneError.from(error);
      this.#close(failure);
      throw failure;
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#buffer.stop();
  }

  /** Kills the request at the worker; whoever waits for an item gets the error. Nothing after the end. */
  cancel(error: RequestPlaneError): void {
    this.#first = undefined;
    if (this.#closed) return;
    this.#buffer.cancel(error);
    if (this.#wake) return;
    this.#untold = error;
    this.#close(error);
  }

  /** A response that was cancelled while nobody waited must not look as if it had been whole. */
  #afterwards(): typeof END {
    const error = this.#untold;
    this.#untold = undefined;
    if (error) throw error;
    return END;
  }

  #take(): Annotated<T> | typeof END | typeof WAIT {
    const { state } = this.#buffer;
    const text = this.#buffer.takeText();
    if (text !== undefined) {
      const item = this.#decode(text);
      if (item === undefined) return this.#take();
      this.#begun = true;
      return item;
    }
    if (this.#complete && state !== "open") return this.#finish();
    if (state === "failed") throw this.#buffer.error ?? truncated();
    // After a stop of ours the worker need not come to its natural end.
    if (state === "ended") return this.#stopped ? this.#finish() : raise(truncated());
    return WAIT;
  }

  /** The item of a frame, or `undefined` for the mark that the response is whole. */
  #decode(text: string): Annotated<T> | undefined {
    if (this.#complete) throw protocolError("Data after the end of the response");
    const { data, complete_final: final } = parseWrapper<T>(text);
    if (final === true) this.#complete = true;
    if (typeof data !== "object" || data === null) {
      if (this.#complete) return undefined;
      throw protocolError("Empty frame in the response");
    }
    if (isErrorItem(data)) throw errorOfItem(data);
    return data;
  }

  #finish(): typeof END {
    this.#close(undefined);
    return END;
  }

  #close(error: RequestPlaneError | undefined): void {
    this.#closed = true;
    this.#watchdog.close();
    if (error) this.#buffer.cancel(error);
    else this.#buffer.finish();
    this.#onClose(error);
  }

  #watch(): void {
    const { establishMs, firstItemMs, betweenItemsMs } = this.#timeouts;
    if (this.#complete) this.#watchdog.watch("end", CLOSING_MS);
    else if (this.#begun) this.#watchdog.watch("between_items", betweenItemsMs);
    else if (this.#buffer.state === "open") this.#watchdog.watch("first_item", firstItemMs);
    else if (this.#acknowledged) this.#watchdog.watch("establish", establishMs);
  }

  #expire(phase: WatchedPhase, limitMs: number): void {
    if (phase !== "end") {
      this.#buffer.cancel(deadlineExceeded(phase, limitMs));
      return;
    }
    // The response is whole, but a worker that doesn't close has to be told to.
    this.#buffer.finish();
    this.#wake?.();
  }
}

function parseWrapper<T>(text: string): Wrapper<T> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value;
  } catch (cause) {
    throw protocolError("A frame of the response is not JSON", cause);
  }
  throw protocolError("A frame of the response is not an object");
}

function truncated(): RequestPlaneError {
  return new RequestPlaneError("disconnected", "Stream ended before generation completed");
}

function protocolError(message: string, cause?: unknown): RequestPlaneError {
  return new RequestPlaneError("protocol_error", message, { cause });
}

function raise(error: RequestPlaneError): never {
  throw error;
}
