/**
 * One POST on an HTTP/2 connection.
 */
import { validateHeaderName, validateHeaderValue } from "node:http";
import { constants } from "node:http2";
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from "node:http2";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { Headers } from "@dynamo/request-plane-core";
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
}

/** Larger envelopes are written piece by piece instead of being joined. */
const JOIN_BYTES = 16 * 1024;
/** What belongs to the exchange and can't be the caller's. */
const OWN_HEADERS =
  /^(:.*|connection|content-length|content-type|expect|host|keep-alive|proxy-connection|te|transfer-encoding|upgrade)$/i;

/** Rejects with what the delivery fails with, or with `invalid_argument` for headers that HTTP can't carry. */
export async function post(session: PostingSession, path: string, delivery: Delivery): Promise<Outcome> {
  const stream = open(session.http2, path, delivery);
  if (!stream) return "unprocessed";
  return new Promise<Outcome>((resolve, reject) => {
    const receiver = new ReplyReceiver(stream, session, resolve);
    delivery.onFailed = (error) => {
      receiver.dismiss();
      reject(error);
    };
    stream.on("frameError", () => {
      delivery.fail(
        new RequestPlaneError("invalid_argument", "The request's headers are too large for HTTP/2"),
      );
    });
    write(stream, delivery.request);
  });
}

/** `undefined` when the connection takes no requests any more. */
function open(
  session: ClientHttp2Session,
  path: string,
  { request }: Delivery,
): ClientHttp2Stream | undefined {
  if (session.closed || session.destroyed) return undefined;
  const headers: OutgoingHttpHeaders = {
    ...checked(request.headers),
    ":method": "POST",
    ":path": path,
    "content-type": "application/octet-stream",
    "content-length": request.envelopeBytes,
  };
  return session.request(headers);
}

/** node:http2 sends what it is given, and the other side leaves out what isn't allowed. */
function checked(headers: Headers): OutgoingHttpHeaders {
  const carried = Object.entries(headers).filter(([name]) => !OWN_HEADERS.test(name));
  try {
    for (const [name, value] of carried) {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    }
  } catch (cause) {
    const message = "The request has headers that HTTP can't carry";
    throw new RequestPlaneError("invalid_argument", message, { cause });
  }
  return Object.fromEntries(carried);
}

function write(stream: ClientHttp2Stream, { envelope, envelopeBytes }: Delivery["request"]): void {
  if (envelopeBytes <= JOIN_BYTES) {
    stream.end(Buffer.concat(envelope));
    return;
  }
  for (const piece of envelope) stream.write(piece);
  stream.end();
}

/** node:http2 reports many a cut stream as a clean end, so a reply counts when its length shows that it is whole. */
class ReplyReceiver {
  readonly #stream: ClientHttp2Stream;
  readonly #session: PostingSession;
  readonly #resolve: (outcome: Outcome) => void;
  #status = 0;
  #declared: number | undefined;
  #length = 0;
  #chunks: Buffer[] = [];
  #settled = false;

  constructor(stream: ClientHttp2Stream, session: PostingSession, resolve: (outcome: Outcome) => void) {
    this.#stream = stream;
    this.#session = session;
    this.#resolve = resolve;
    stream.on("response", (headers, flags) => {
      this.#status = Number(headers[":status"]);
      const declared = headers["content-length"];
      if (declared !== undefined) this.#declared = Number(declared);
      if ((flags & NGHTTP2_FLAG_END_STREAM) !== 0) this.#declared = 0;
      this.#check();
    });
    stream.on("data", (chunk: Buffer) => {
      if (this.#length < MAX_PROBLEM_BYTES) this.#chunks.push(chunk);
      this.#length += chunk.length;
      this.#check();
    });
    // Errors are followed by `close`, where the code is looked at.
    stream.on("error", () => undefined);
    stream.on("close", () => this.#settle(this.#outcomeOfClose()));
  }

  /** The reply isn't waited for any more. */
  dismiss(): void {
    this.#settled = true;
    this.#stream.close(NGHTTP2_CANCEL);
  }

  #check(): void {
    if (this.#length === this.#declared) this.#settle(this.#reply());
  }

  #outcomeOfClose(): Outcome {
    const { rstCode, id = Infinity } = this.#stream;
    const isUnseen = rstCode === NGHTTP2_REFUSED_STREAM || id > this.#session.lastStreamId;
    if (this.#status === 0) return isUnseen || id === Infinity ? "unprocessed" : "lost";
    // A refusal is one however much of its text arrived; an acknowledgement has to be whole.
    return this.#status >= 300 ? this.#reply() : "lost";
  }

  #reply(): Reply {
    return { status: this.#status, body: Buffer.concat(this.#chunks).toString() };
  }

  #settle(outcome: Outcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#resolve(outcome);
    // The rest of a request that was answered early isn't sent.
    if (this.#stream.writableLength > 0) this.#stream.close(NGHTTP2_CANCEL);
  }
}
