/**
 * One request as a POST on an HTTP/2 connection to its worker, from the search for a place to the answer.
 */
import { constants } from "node:http2";
import type { ClientHttp2Stream } from "node:http2";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { Deadline, DeadlineQueue, Link, LinkedList } from "@dynamo/request-plane-core";
import type { ClientConnection } from "./client-connection.ts";
import type { ConnectionPool, PlaceSeeker } from "./connection-pool.ts";
import { headersTooLarge, lost, MAX_ATTEMPTS, noneTaken, overdue } from "./post-failures.ts";
import { Reply } from "./reply.ts";
import type { AnswerHeaders } from "./reply.ts";

const { NGHTTP2_CANCEL, NGHTTP2_REFUSED_STREAM } = constants;

/** What a post needs of its client. */
export interface PostHost {
  /** Those whose stream is not closed. */
  readonly posts: LinkedList<Post>;
  /** Bounds the wait for the answer, over all that is waited for before it. */
  readonly acknowledging: DeadlineQueue<Post>;
  /** Bounds how long a stream may stay open on which the worker has said its last word. */
  readonly closing: DeadlineQueue<Post>;
  poolOf(origin: string): ConnectionPool;
}

export interface PostTarget {
  /** As the instance record gives it. */
  readonly address: string;
  readonly origin: string;
  /** Names and values in turn, those of HTTP/2 among them. */
  readonly headers: readonly string[];
}

/**
 * Only what the worker never looked at is sent again here; everything else is for the caller to decide. A subclass says
 * what is sent and what a reply means, and may read answers that are no replies.
 */
export abstract class Post implements PlaceSeeker {
  protected readonly target: PostTarget;
  readonly #host: PostHost;
  readonly #place: Link<Post>;
  /** Of the answer. */
  readonly #deadline: Deadline<Post>;
  #closing: Deadline<Post> | undefined;
  /** See `PlaceSeeker`. */
  onFailed: (error: RequestPlaneError) => void = nothing;
  #attempts = 0;
  #connection: ClientConnection | undefined;
  protected stream: ClientHttp2Stream | undefined;
  #reply: Reply | undefined;
  /** The answer is no reply but a response, which is the subclass's to read. */
  protected isOpen = false;
  /** Nothing that still comes is of interest. */
  protected isOver = false;

  constructor(target: PostTarget, host: PostHost) {
    this.target = target;
    this.#host = host;
    this.#place = host.posts.add(this);
    this.#deadline = host.acknowledging.add(this);
  }

  /** Writes the body, and the end of the request with it. */
  protected abstract write(stream: ClientHttp2Stream): void;
  /** A reply is whole, or a refusal is as whole as it gets. */
  protected abstract replied(reply: Reply): void;
  /** It came to nothing. Called once, last. */
  protected abstract failed(error: RequestPlaneError): void;

  fail(error: RequestPlaneError): void {
    if (this.isOver) return;
    this.leave(error);
    this.failed(error);
  }

  /** There was no answer in time. A refusal is one however much of its text is here. */
  expire(limit: number): void {
    if (this.#reply?.isRefusal) {
      this.replied(this.#reply);
      return;
    }
    // Is it the request that is late, or is nobody there?
    this.#connection?.probe();
    this.fail(overdue(this.target.address, this.stream ? "acknowledge" : "connect", limit));
  }

  /** The worker has said its last word and doesn't close. */
  cut(): void {
    this.stream?.close(NGHTTP2_CANCEL);
  }

  protected seek(): void {
    this.#attempts += 1;
    const pool = this.#host.poolOf(this.target.origin);
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
    if (this.isOver || http2.closed || http2.destroyed) {
      pool.release(connection);
      this.#again();
      return;
    }
    connection.used = true;
    const stream = http2.request(this.target.headers);
    this.#connection = connection;
    this.stream = stream;
    // Streams, and their listeners, may be kept by node:http2 long after their end; a place refers to nothing then.
    const place = this.#place;
    stream.on("response", (headers, flags) => place.value?.answered(headers, flags));
    // At once: what comes before somebody listens goes through a buffer.
    stream.on("data", (chunk: Buffer) => place.value?.read(chunk));
    stream.on("frameError", () => place.value?.fail(headersTooLarge()));
    stream.on("error", nothing);
    stream.on("close", () => {
      pool.release(connection);
      place.value?.closed(stream, connection);
    });
    this.write(stream);
  }

  /** The head of the answer. */
  answered(headers: AnswerHeaders, flags: number): void {
    if (this.isOver) return;
    this.#reply = new Reply(headers, flags);
    if (this.#reply.isWhole) this.replied(this.#reply);
  }

  /** A piece of its body. */
  read(chunk: Buffer): void {
    if (this.isOver || !this.#reply) return;
    this.#reply.push(chunk);
    if (this.#reply.isWhole) this.replied(this.#reply);
  }

  /** The answer is not waited for any more. */
  protected rest(): void {
    this.#host.acknowledging.delete(this.#deadline);
  }

  /** The worker's last word is here. A stream that is paused would not close. */
  protected finish(): void {
    this.isOver = true;
    this.rest();
    const { stream } = this;
    this.#closing = this.#host.closing.add(this);
    // The rest of a request that was answered early isn't sent.
    if (stream && stream.writableLength > 0) stream.close(NGHTTP2_CANCEL);
    stream?.resume();
  }

  /** Nobody wants an answer any more. */
  protected leave(error: RequestPlaneError): void {
    this.isOver = true;
    this.rest();
    const { stream } = this;
    if (stream) {
      stream.close(NGHTTP2_CANCEL);
      stream.resume();
    } else {
      this.onFailed(error);
      this.#host.posts.remove(this.#place);
    }
  }

  /** node:http2 reports many a cut stream as a clean end: only what the worker said counts. */
  closed(stream: ClientHttp2Stream, connection: ClientConnection): void {
    const isAnswered = this.isOpen || this.#reply !== undefined;
    if (!this.isOver && !isAnswered && isUnseen(stream, connection)) {
      this.#again();
      return;
    }
    this.#host.posts.remove(this.#place);
    if (this.#closing) this.#host.closing.delete(this.#closing);
    if (this.isOver) return;
    const when = this.isOpen ? "before the response was whole" : "before its acknowledgement";
    if (this.#reply?.isRefusal) this.replied(this.#reply);
    else this.fail(lost(this.target.address, when));
  }

  /** The worker never looked at it. */
  #again(): void {
    if (this.isOver) return;
    this.#connection = this.stream = undefined;
    if (this.#attempts < MAX_ATTEMPTS) this.seek();
    else this.fail(noneTaken(this.target.address));
  }
}

/** Whether the worker never looked at a stream that was closed without an answer. */
function isUnseen(
  { rstCode, id = Infinity }: ClientHttp2Stream,
  { lastStreamId }: ClientConnection,
): boolean {
  return rstCode === NGHTTP2_REFUSED_STREAM || id > lastStreamId || id === Infinity;
}

function nothing(): void {
  // What is lost shows as `close`.
}
