/** A caller of bare HTTP/2. */
import { once } from "node:events";
import { connect } from "node:http2";
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from "node:http2";
import { until } from "@dynamo/test-support";
import { IN_BAND, KINDS, STOP, textsIn } from "./in-band-frames.ts";
import type { BodyFrame } from "./in-band-frames.ts";

export function keyOf(number: number): Buffer {
  return Buffer.from(String(number).padStart(12, "k"));
}

/** The body of a request. */
export function requestBody(key: Buffer, request: unknown, transport = "http_inband"): Buffer {
  const control = JSON.stringify({
    id: "raw",
    request_type: "single_in",
    response_type: "many_out",
    connection_info: { transport, info: "" },
  });
  const payload = JSON.stringify(request);
  const lengths = Buffer.alloc(24);
  lengths.writeUInt32BE(control.length, 4);
  lengths.writeUInt32BE(payload.length, 12);
  return Buffer.concat([Buffer.from("inb1"), key, lengths, Buffer.from(control + payload)]);
}

/** What came of one answer. */
export class Answer {
  readonly stream: ClientHttp2Stream;
  status = 0;
  type = "";
  isClosed = false;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream;
    stream.on("response", (headers) => {
      this.status = headers[":status"] ?? 0;
      this.type = headers["content-type"] ?? "";
    });
    stream.on("data", (chunk: Buffer) => (this.#bytes = Buffer.concat([this.#bytes, chunk])));
    stream.on("error", () => undefined).on("close", () => (this.isClosed = true));
  }

  get text(): string {
    return this.#bytes.toString();
  }

  /** Frame by frame, with several items that share one as frames of their own. */
  get frames(): BodyFrame[] {
    const frames: BodyFrame[] = [];
    for (const { kind, body } of this.#whole()) {
      if (kind === KINDS.ITEMS)
        frames.push(...textsIn(body).map((text) => ({ kind: KINDS.ITEM, body: text })));
      else frames.push({ kind, body: body.toString() });
    }
    return frames;
  }

  /** The kinds of all frames, as they came. */
  get kinds(): number[] {
    return [...this.#whole()].map(({ kind }) => kind);
  }

  get items(): unknown[] {
    return this.frames
      .filter(({ kind }) => kind === KINDS.ITEM)
      .map(({ body }) => JSON.parse(body) as unknown);
  }

  /** Those that are here to their end. */
  *#whole(): Generator<{ kind: number; body: Buffer }> {
    for (let at = 0; at + 5 <= this.#bytes.length;) {
      const end = at + 5 + this.#bytes.readUInt32BE(at);
      if (end > this.#bytes.length) return;
      yield { kind: this.#bytes[at + 4]!, body: this.#bytes.subarray(at + 5, end) };
      at = end;
    }
  }

  /** The last frame's kind, when the answer is over. */
  async ended(): Promise<number | undefined> {
    await until("the answer is over", () => this.isClosed);
    return this.frames.at(-1)?.kind;
  }
}

/** A caller on one session. */
export class RawCaller implements AsyncDisposable {
  readonly session: ClientHttp2Session;
  readonly #path: string;

  constructor(address: string) {
    const { origin, pathname } = new URL(address);
    this.session = connect(origin, { settings: { initialWindowSize: 65_535 } });
    this.session.on("error", () => undefined);
    this.#path = pathname;
  }

  post(type: string, body: Buffer, path: string = this.#path): Answer {
    return this.#send({ ":path": path, "content-type": type, "content-length": body.length }, body);
  }

  /** Doesn't say how long the body is. */
  postUndeclared(type: string, body: Buffer): Answer {
    return this.#send({ ":path": this.#path, "content-type": type }, body);
  }

  #send(headers: OutgoingHttpHeaders, body: Buffer): Answer {
    const stream = this.session.request({ ":method": "POST", ...headers });
    stream.end(body);
    return new Answer(stream);
  }

  ask(key: number, request: unknown): Answer {
    return this.post(IN_BAND, requestBody(keyOf(key), request));
  }

  stop(key: number): Answer {
    return this.post(STOP, keyOf(key));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.session.destroyed ? undefined : once(this.session, "close");
    this.session.destroy();
    await closed;
  }
}
