/**
 * One request and its response, the same for HTTP/1.1 and HTTP/2.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { constants } from "node:http2";
import type { ServerHttp2Stream } from "node:http2";
import type { Readable, Writable } from "node:stream";

const { NGHTTP2_NO_ERROR } = constants;

/** How long a caller may be silent that was answered before its request was whole. */
const DROPPING_MS = 1_000;

const UNREAD = Buffer.alloc(1);
const DATED = {};
const UNDATED = { sendDate: false };

export type ResponseHeaders = Readonly<Record<string, string | number>>;

export interface Exchange {
  readonly method: string;
  /** As it was sent, with the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they were sent. */
  readonly rawHeaders: readonly string[];
  readonly input: Readable;
  readonly output: Writable;
  /** Asked at the end of `input`: whether the caller sent all of it. */
  readonly isInputWhole: boolean;
  /** Asked when `output` is closed, of one that was ended: whether the caller has all of it, as far as can be seen. */
  readonly isOutputWhole: boolean;
  /**
   * Asked when the whole body was read, and nobody needs the end of `input`: puts that off until the response has
   * left, where that saves work. `false` where it doesn't.
   */
  putOffEnd(): boolean;
  /** Lets a caller send its body that waits to be told so. */
  proceed(): void;
  /** The whole response. What was not read of the request is dropped. */
  respond(status: number, headers: ResponseHeaders, body?: string): void;
  /** Begins a response whose body is written to `output`. Only callers of the request plane need no `date`. */
  begin(status: number, headers: ResponseHeaders, date?: "date" | "no date"): void;
  /** Closes in a way that nobody takes for the end of a whole response. */
  cut(): void;
}

export class Http1Exchange implements Exchange {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly input: IncomingMessage;
  readonly output: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.method = request.method ?? "";
    this.path = request.url ?? "";
    this.headers = request.headers;
    this.rawHeaders = request.rawHeaders;
    this.input = request.on("error", ignore);
    this.output = response.on("error", ignore);
  }

  get isInputWhole(): boolean {
    return this.input.complete;
  }

  get isOutputWhole(): boolean {
    return this.output.writableFinished;
  }

  putOffEnd(): boolean {
    return false;
  }

  proceed(): void {
    if (this.headers.expect === "100-continue") this.output.writeContinue();
  }

  respond(status: number, headers: ResponseHeaders, body = ""): void {
    if (this.output.headersSent) return;
    this.output.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) }).end(body);
  }

  begin(status: number, headers: ResponseHeaders, date = "date"): void {
    this.output.sendDate = date === "date";
    this.output.writeHead(status, headers);
  }

  cut(): void {
    this.output.destroy();
  }
}

export class Http2Exchange implements Exchange {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly input: Readable;
  readonly output: Writable;
  readonly #stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: readonly string[]) {
    this.method = String(headers[":method"]);
    this.path = String(headers[":path"]);
    this.headers = headers;
    this.rawHeaders = rawHeaders;
    this.#stream = stream.on("error", ignore);
    this.input = stream;
    this.output = stream;
  }

  /** A stream that was reset, or whose socket was closed, looks like one that ended. */
  get isInputWhole(): boolean {
    return !this.#stream.aborted && !this.#stream.destroyed;
  }

  /** A stream may be closed before node:http2 says that the last of it is written. */
  get isOutputWhole(): boolean {
    return this.#stream.writableFinished || this.#stream.rstCode === NGHTTP2_NO_ERROR;
  }

  /**
   * node:http2 takes a stream apart once both its sides are over. A write that is reported after that, as the last one
   * always is, costs an error with its stack, for nobody: more than all else that is done here for a short response.
   * A side with an unread byte is not over.
   */
  putOffEnd(): boolean {
    const stream = this.#stream;
    stream.pause();
    stream.unshift(UNREAD);
    stream.on("finish", release);
    stream.on("aborted", release);
    return true;
  }

  proceed(): void {
    if (this.headers.expect === "100-continue") this.#stream.additionalHeaders({ ":status": 100 });
  }

  respond(status: number, headers: ResponseHeaders, body = ""): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.closed || stream.headersSent) return;
    if (body === "") {
      stream.respond({ ...headers, ":status": status }, { endStream: true });
    } else {
      stream.respond({ ...headers, ":status": status, "content-length": Buffer.byteLength(body) });
      stream.end(body);
    }
    // A caller that has its answer stops to send; what is on its way is dropped.
    if (!stream.readableEnded) stream.resume().setTimeout(DROPPING_MS, () => stream.close(NGHTTP2_NO_ERROR));
  }

  begin(status: number, headers: ResponseHeaders, date = "date"): void {
    if (!this.#stream.destroyed && !this.#stream.closed)
      this.#stream.respond({ ":status": status, ...headers }, date === "date" ? DATED : UNDATED);
  }

  /** With an error, or node:http2 would send the mark of a whole response first. */
  cut(): void {
    this.#stream.destroy(new Error("cut"));
  }
}

/** What was put off comes now. */
function release(this: ServerHttp2Stream): void {
  if (this.closed) this.destroy();
  else this.resume();
}

/** What is lost shows as `close`. */
function ignore(): void {
  // See above.
}
