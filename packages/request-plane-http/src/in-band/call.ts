/**
 * The caller's side of one request that is answered in-band: a POST whose answer is the response.
 */
import { constants } from "node:http2";
import type { ClientHttp2Stream, IncomingHttpHeaders, IncomingHttpStatusHeader } from "node:http2";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type {
  Deadline,
  DeadlineQueue,
  InBandReceiver,
  Link,
  LinkedList,
  Logger,
  ResponseControl,
} from "@dynamo/request-plane-core";
import { lost, MAX_ATTEMPTS, noneTaken } from "../attempts.ts";
import type { ClientConnection } from "../client-connection.ts";
import type { ConnectionPool, PlaceSeeker } from "../connection-pool.ts";
import { overdue } from "../delivery.ts";
import type { Unacknowledged } from "../delivery.ts";
import { headersTooLarge, isUnseen } from "../post.ts";
import { MAX_PROBLEM_BYTES, refusalOf } from "../problem.ts";
import { IN_BAND_TYPE } from "./frames.ts";
import { requestIdIn } from "./request-body.ts";
import { ResponseBody } from "./response-body.ts";
import type { BodyOwner } from "./response-body.ts";

const { NGHTTP2_CANCEL } = constants;
const UNSUPPORTED_MEDIA = 415;

/** What a call needs of its client. */
export interface CallHost {
  /** Those that are not over. */
  readonly calls: LinkedList<InBandCall>;
  /** Bounds the wait for the acknowledgement. */
  readonly acknowledging: DeadlineQueue<Unacknowledged>;
  /** Bounds how long a stream may stay open on which the worker has said its last word. */
  readonly closing: DeadlineQueue<InBandCall>;
  poolOf(origin: string): ConnectionPool;
  /** Tells the worker that the response of this request should come to an end. */
  stop(request: PostedRequest): Promise<void>;
  readonly logger: Logger;
}

export interface PostedRequest {
  /** As the instance record gives it. */
  readonly address: string;
  readonly origin: string;
  /** Names and values in turn, those of HTTP/2 among them. */
  readonly headers: readonly string[];
  readonly body: Buffer;
}

export class InBandCall implements ResponseControl, PlaceSeeker, Unacknowledged, BodyOwner {
  readonly #request: PostedRequest;
  readonly #receiver: InBandReceiver;
  readonly #host: CallHost;
  readonly #body: ResponseBody;
  readonly #place: Link<InBandCall>;
  /** See `PlaceSeeker`. */
  onFailed: (error: RequestPlaneError) => void = nothing;
  #connection: ClientConnection | undefined;
  #stream: ClientHttp2Stream | undefined;
  #attempts = 0;
  /** Of the acknowledgement. */
  #deadline: Deadline<Unacknowledged> | undefined;
  #closing: Deadline<InBandCall> | undefined;
  /** Of an answer that is a refusal, and what came of its text. */
  #status = 0;
  #problem = "";
  #isOpen = false;
  #isStopped = false;
  /** The receiver has been told the last it is told. */
  #isOver = false;

  constructor(request: PostedRequest, receiver: InBandReceiver, host: CallHost) {
    this.#request = request;
    this.#receiver = receiver;
    this.#host = host;
    this.#body = new ResponseBody(receiver, this);
    this.#place = host.calls.add(this);
  }

  start(): void {
    this.#deadline = this.#host.acknowledging.add(this);
    this.#receiver.connected(this);
    if (!this.#isOver) this.#seek();
  }

  /** Waits until the worker knows the request. */
  stop(): void {
    if (this.#isStopped || this.#isOver) return;
    this.#isStopped = true;
    if (this.#isOpen) this.#sendStop();
  }

  kill(): void {
    if (!this.#isOver) this.#leave(new RequestPlaneError("cancelled", "The caller wants no more"));
  }

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  fail(error: RequestPlaneError): void {
    if (this.#isOver) return;
    this.#leave(error);
    this.#receiver.failed(error);
  }

  /** It was not acknowledged in time. A refusal is one however much of its text is here. */
  expire(limit: number): void {
    if (this.#status > 0) {
      this.fail(this.#refusal());
      return;
    }
    // Is it the request that is late, or is nobody there?
    this.#connection?.probe();
    this.fail(overdue(this.#request.address, this.#stream ? "acknowledge" : "connect", limit));
  }

  /** The worker has said its last word and doesn't close. */
  cut(): void {
    this.#stream?.close(NGHTTP2_CANCEL);
  }

  #seek(): void {
    this.#attempts += 1;
    const pool = this.#host.poolOf(this.#request.origin);
    const connection = pool.takePlace();
    if (connection) {
      this.#send(pool, connection);
      return;
    }
    pool.waitForPlace(this).then(
      (found) => this.#send(pool, found),
      (error: unknown) => this.fail(RequestPlaneError.from(error)),
    );
  }

  #send(pool: ConnectionPool, connection: ClientConnection): void {
    const { http2 } = connection;
    if (this.#isOver || http2.closed || http2.destroyed) {
      pool.release(connection);
      this.#again();
      return;
    }
    connection.used = true;
    const stream = http2.request(this.#request.headers);
    this.#connection = connection;
    this.#stream = stream;
    // Streams, and their listeners, may be kept by node:http2 long after their end; a place refers to nothing then.
    const place = this.#place;
    stream.on("response", (headers) => place.value?.answered(headers));
    // At once: what comes before somebody listens goes through a buffer.
    stream.on("data", (chunk: Buffer) => place.value?.read(chunk));
    stream.on("frameError", () => place.value?.fail(headersTooLarge()));
    stream.on("error", nothing);
    stream.on("close", () => {
      pool.release(connection);
      place.value?.closed(stream, connection);
    });
    stream.end(this.#request.body);
  }

  answered(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
    const status = headers[":status"] ?? 0;
    if (this.#isOver) return;
    if (status === 200 && headers["content-type"] === IN_BAND_TYPE) this.#open();
    else if (status >= 300 && status !== UNSUPPORTED_MEDIA) {
      this.#status = status;
    } else {
      this.#leave(new RequestPlaneError("unavailable", "The worker has no in-band responses"));
      this.#receiver.declined();
    }
  }

  #open(): void {
    this.#isOpen = true;
    this.#rest();
    this.#receiver.opened();
    if (this.#isStopped && !this.#isOver) this.#sendStop();
  }

  /** A worker that can't be told so is mostly gone, and its response with it. */
  #sendStop(): void {
    const { address, body } = this.#request;
    this.#host.stop(this.#request).catch((error: unknown) => {
      if (this.#isOver) return;
      const facts = { requestId: requestIdIn(body), address, error };
      this.#host.logger.warn(facts, "The worker can't be told to stop; its response goes on");
    });
  }

  /** node:http2 tells the head first. */
  read(chunk: Buffer): void {
    if (this.#isOver) return;
    if (!this.#isOpen) {
      this.#problem += chunk.toString();
      if (this.#problem.length >= MAX_PROBLEM_BYTES) this.fail(this.#refusal());
      return;
    }
    try {
      this.#body.push(chunk);
    } catch (error) {
      this.fail(RequestPlaneError.from(error, "protocol_error"));
    }
  }

  /** The worker's last word is here. A stream that is paused would not close. */
  lastFrame(): void {
    this.#isOver = true;
    this.#closing = this.#host.closing.add(this);
    this.#stream?.resume();
  }

  /** Nothing that still comes is of interest. */
  #leave(error: RequestPlaneError): void {
    this.#isOver = true;
    this.#body.leave();
    this.#rest();
    const stream = this.#stream;
    if (stream) {
      stream.close(NGHTTP2_CANCEL);
      stream.resume();
    } else {
      this.onFailed(error);
      this.#host.calls.remove(this.#place);
    }
  }

  /** node:http2 reports many a cut stream as a clean end: only what the worker said counts. */
  closed(stream: ClientHttp2Stream, connection: ClientConnection): void {
    const isAnswered = this.#isOpen || this.#status > 0;
    if (!this.#isOver && !isAnswered && isUnseen(stream, connection)) {
      this.#again();
      return;
    }
    this.#rest();
    if (this.#closing) this.#host.closing.delete(this.#closing);
    this.#host.calls.remove(this.#place);
    if (this.#isOver) return;
    this.#isOver = true;
    const when = this.#isOpen ? "before the response was whole" : "before its acknowledgement";
    this.#receiver.failed(this.#status > 0 ? this.#refusal() : lost(this.#request.address, when));
  }

  #rest(): void {
    if (this.#deadline) this.#host.acknowledging.delete(this.#deadline);
  }

  /** The worker never looked at it. */
  #again(): void {
    if (this.#isOver) return;
    this.#connection = this.#stream = undefined;
    if (this.#attempts < MAX_ATTEMPTS) this.#seek();
    else this.fail(noneTaken(this.#request.address));
  }

  #refusal(): RequestPlaneError {
    return refusalOf(this.#status, this.#problem).with({ address: this.#request.address });
  }
}

function nothing(): void {
  // What is lost shows as `close`.
}
