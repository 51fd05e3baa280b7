/**
 * One POST on an HTTP/2 connection.
 */
import { validateHeaderName, validateHeaderValue } from "node:http";
import { constants } from "node:http2";
import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import { memoized, RequestPlaneError } from "@dynamo/request-plane-core";
import type { Headers, OutboundRequest } from "@dynamo/request-plane-core";
import type { HttpAddress } from "./address.ts";
import type { Delivery } from "./delivery.ts";
import { MAX_PROBLEM_BYTES } from "./problem.ts";

const { NGHTTP2_CANCEL, NGHTTP2_FLAG_END_STREAM, NGHTTP2_REFUSED_STREAM } = constants;

export interface Reply {
  readonly status: number;
  /** The beginning of the body. */
  readonly body: string;
}

/** How a POST can end without a reply. `unprocessed` means that the worker never looked at it. */
export type Outcome = Reply | "unprocessed" | "lost";

export interface PostingSession {
  readonly http2: ClientHttp2Session;
  /** The last stream that the worker looked at, once it said that it is leaving. */
  readonly lastStreamId: number;
  /** Asks the worker for a sign of life. */
  readonly probe: () => void;
}

/** Larger envelopes are written piece by piece instead of being joined. */
const JOIN_BYTES = 16 * 1024;
/** What belongs to the exchange and can't be the caller's. */
const OWN_HEADERS =
  /^(:.*|connection|content-length|content-type|expect|host|keep-alive|proxy-connection|te|transfer-encoding|upgrade)$/i;

/** Rejects with what the delivery fails with, or with `invalid_argument` for headers that HTTP can't carry. */
export function post(session: PostingSession, target: HttpAddress, delivery: Delivery): Promise<Outcome> {
  const { http2 } = session;
  const { request, contentType } = delivery;
  if (http2.closed || http2.destroyed) return UNPROCESSED;
  return new Promise<Outcome>((resolve, reject) => {
    const headers = headersOf(target, contentType, request.headers, request.envelopeBytes);
    const stream = http2.request(headers);
    const receiver = new ReplyReceiver(stream, session, { resolve, reject });
    delivery.onFailed = (error) => receiver.fail(error);
    write(stream, request);
  });
}

const UNPROCESSED: Promise<Outcome> = Promise.resolve("unprocessed");

/** Names and values in turn, and none for node:http2 to add: that is the least work for it. */
export function headersOf(
  { authority, path }: HttpAddress,
  contentType: string,
  headers: Headers,
  bodyBytes: number,
): string[] {
  // In one piece: an array that grows costs more than all that is in it.
  const all = [
    ":method",
    "POST",
    ":scheme",
    "http",
    ":authority",
    authority,
    ":path",
    path,
    "content-type",
    contentType,
    "content-length",
    String(bodyBytes),
  ];
  addChecked(all, headers);
  return all;
}

export function headersTooLarge(): RequestPlaneError {
  return new RequestPlaneError("invalid_argument", "The request's headers are too large for HTTP/2");
}

/** node:http2 sends what it is given, and the other side leaves out what isn't allowed. */
function addChecked(all: string[], headers: Headers): void {
  try {
    for (const [name, value] of Object.entries(headers)) {
      if (!mayCarry(name)) continue;
      validateHeaderValue(name, value);
      all.push(name, value);
    }
  } catch (cause) {
    const message = "The request has headers that HTTP can't carry";
    throw new RequestPlaneError("invalid_argument", message, { cause });
  }
}

/** Whether a header is the caller's to send. Kept, since the same few names come with each request. */
const mayCarry = memoized((name) => {
  if (OWN_HEADERS.test(name)) return false;
  validateHeaderName(name);
  return true;
}, 1_000);

function write(stream: ClientHttp2Stream, { envelope, envelopeBytes }: OutboundRequest): void {
  if (envelope.length > 1 && envelopeBytes <= JOIN_BYTES) {
    stream.end(Buffer.concat(envelope));
    return;
  }
  for (const piece of envelope.slice(0, -1)) stream.write(piece);
  stream.end(envelope.at(-1));
}

interface Settle {
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: RequestPlaneError) => void;
}

/**
 * node:http2 reports many a cut stream as a clean end, so a reply counts when its length shows that it is whole.
 * Streams, and their listeners, may be kept by node:http2 long after their end; this does not refer to the request.
 */
class ReplyReceiver {
  readonly #stream: ClientHttp2Stream;
  readonly #session: PostingSession;
  readonly #promise: Settle;
  #status = 0;
  #declared: number | undefined;
  #length = 0;
  #chunks: Buffer[] = [];
  #settled = false;

  constructor(stream: ClientHttp2Stream, session: PostingSession, promise: Settle) {
    this.#stream = stream;
    this.#session = session;
    this.#promise = promise;
    stream.on("response", (headers, flags) => {
      this.#status = Number(headers[":status"]);
      const declared = headers["content-length"];
      if (declared !== undefined) this.#declared = Number(declared);
      if ((flags & NGHTTP2_FLAG_END_STREAM) !== 0) this.#declared = 0;
      else stream.on("data", (chunk: Buffer) => this.#read(chunk));
      this.#check();
    });
    stream.on("frameError", () => this.fail(headersTooLarge()));
    stream.on("error", ignore);
    stream.on("close", () => {
      if (!this.#settled) this.#settle(this.#outcomeOfClose());
    });
  }

  /** The reply isn't waited for any more. */
  fail(error: RequestPlaneError): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#stream.close(NGHTTP2_CANCEL);
    // Is it the request that is late, or is nobody there?
    if (error.code === "deadline_exceeded") this.#session.probe();
    this.#promise.reject(error);
  }

  #read(chunk: Buffer): void {
    if (this.#length < MAX_PROBLEM_BYTES) this.#chunks.push(chunk);
    this.#length += chunk.length;
    this.#check();
  }

  #check(): void {
    if (this.#length === this.#declared) this.#settle(this.#reply());
  }

  #outcomeOfClose(): Outcome {
    if (this.#status === 0) return isUnseen(this.#stream, this.#session) ? "unprocessed" : "lost";
    // A refusal is one however much of its text arrived; an acknowledgement has to be whole.
    return this.#status >= 300 ? this.#reply() : "lost";
  }

  #reply(): Reply {
    const body = this.#length === 0 ? "" : Buffer.concat(this.#chunks).toString();
    return { status: this.#status, body };
  }

  #settle(outcome: Outcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#promise.resolve(outcome);
    // The rest of a request that was answered early isn't sent.
    if (this.#stream.writableLength > 0) this.#stream.close(NGHTTP2_CANCEL);
  }
}

/** Whether the worker never looked at a stream that was closed without an answer. */
export function isUnseen(
  { rstCode, id = Infinity }: ClientHttp2Stream,
  { lastStreamId }: PostingSession,
): boolean {
  return rstCode === NGHTTP2_REFUSED_STREAM || id > lastStreamId || id === Infinity;
}

/** `close` follows, where the code is looked at. */
function ignore(): void {
  // See above.
}
