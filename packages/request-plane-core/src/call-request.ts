/**
 * What a call sends, for whichever instance it is sent to and whichever way its response takes.
 */
import type { CallOptions } from "./endpoint.ts";
import { RequestPlaneError } from "./errors.ts";
import { TIMEOUT_HEADER } from "./handler-context.ts";
import { encodeJson, EncodedPayload } from "./payload-codec.ts";
import type { PayloadCodec } from "./payload-codec.ts";
import type { Route } from "./route.ts";
import type { Headers, InBandRequest, OutboundRequest } from "./transport.ts";
import { encodeControlMessage } from "./wire/control-message.ts";
import type { ConnectionInfo } from "./wire/control-message.ts";
import { encodeTwoPartHead, encodeTwoPartText } from "./wire/two-part.ts";

/** Dynamo refuses to send larger ones (wire-protocol notes, section 1.2). */
const MAX_CONTROL_BYTES = 128 * 1024;
const NONE: Headers = {};

export interface CallRequestFacts {
  /** How long the caller waits from now on; 0 for ever. */
  readonly totalMs: number;
  /** That of this process beside JSON. */
  readonly codec: PayloadCodec | undefined;
}

export class CallRequest {
  readonly #id: string;
  readonly #options: CallOptions;
  #request: unknown;
  readonly #codec: PayloadCodec | undefined;
  /** For the instance that is asked: JSON text, or bytes of the codec or of the application. */
  #payload: EncodedPayload | string | undefined;
  readonly #totalMs: number;
  readonly #startedAt: number;

  /** Throws `invalid_argument`. */
  constructor(id: string, request: unknown, options: CallOptions, { totalMs, codec }: CallRequestFacts) {
    this.#id = id;
    this.#options = options;
    this.#request = request;
    this.#codec = codec;
    if (request instanceof EncodedPayload) this.#payload = readable(request, codec);
    // Without a codec no instance gets anything else.
    else if (!codec) this.#payload = toJson(request);
    this.#totalMs = totalMs;
    this.#startedAt = totalMs > 0 ? performance.now() : 0;
  }

  /**
   * Encodes the request as the instance takes it, and gives the codec of its answer: `undefined` for JSON. Throws
   * `invalid_argument`.
   *
   * Source: wire-protocol notes, section 1.3.
   */
  encodeFor({ codec }: Route): PayloadCodec | undefined {
    if (!this.#codec) return undefined;
    const request = this.#request;
    if (request instanceof EncodedPayload) return request.codec === "json" ? undefined : this.#codec;
    this.#payload = codec ? encode(request, codec) : toJson(request);
    return codec;
  }

  /** To a worker that calls home. Source of the headers: wire-protocol notes, section 6. */
  callingHome({ address }: Route, info: ConnectionInfo, signal: AbortSignal | undefined): OutboundRequest {
    const headers = {
      "request-id": this.#id,
      "x-frontend-send-ts-ns": `${Date.now()}000000`,
      ...this.#ownHeaders(),
    };
    const payload = this.#payload ?? "";
    const envelope = envelopeOf(this.#control(info), typeof payload === "string" ? payload : payload.bytes);
    const envelopeBytes = envelope.reduce((total, { length }) => total + length, 0);
    return { address, headers, envelope, envelopeBytes, ...(signal && { signal }) };
  }

  /** To a worker that answers in-band. What the control message says is not said again in headers. */
  inBand({ address, inBand: transport = "" }: Route): InBandRequest {
    const payload = this.#payload ?? "";
    return {
      address,
      headers: this.#ownHeaders(),
      control: this.#control({ transport, info: "" }),
      payload: typeof payload === "string" ? payload : payload.bytes,
    };
  }

  /** The response has begun, so that this is sent to nobody else. */
  release(): void {
    this.#request = this.#payload = undefined;
  }

  #control(connectionInfo: ConnectionInfo): string {
    const { metadata } = this.#options;
    const payloadCodec = this.#payload instanceof EncodedPayload ? this.#payload.codec : "json";
    const control = encodeControlMessage({ id: this.#id, connectionInfo, payloadCodec, metadata });
    if (control.length <= MAX_CONTROL_BYTES) return control;
    const facts = { actual: control.length, limit: MAX_CONTROL_BYTES };
    throw new RequestPlaneError("invalid_argument", "The call's metadata is too large", { facts });
  }

  /** Those of the application, and what is left of the total time. */
  #ownHeaders(): Headers {
    const { headers = NONE } = this.#options;
    if (this.#totalMs <= 0) return headers;
    const leftMs = Math.max(1, Math.ceil(this.#startedAt + this.#totalMs - performance.now()));
    return { [TIMEOUT_HEADER]: String(leftMs), ...headers };
  }
}

/** Text becomes bytes where it goes; bytes stay where they are. */
function envelopeOf(control: string, payload: string | Uint8Array): readonly Uint8Array[] {
  if (typeof payload === "string") return [encodeTwoPartText(control, payload)];
  return [encodeTwoPartHead(control, payload.length), payload];
}

/** Throws `invalid_argument` when this process couldn't read the answer. */
function readable(payload: EncodedPayload, own: PayloadCodec | undefined): EncodedPayload {
  if (payload.codec === "json" || payload.codec === own?.name) return payload;
  throw new RequestPlaneError(
    "invalid_argument",
    `A payload in ${payload.codec} needs a manager with that codec: option 'payloadCodec'`,
  );
}

function encode(request: unknown, codec: PayloadCodec): EncodedPayload {
  try {
    return new EncodedPayload(codec.encode(request), codec.name);
  } catch (cause) {
    const message = `The request can't be written in ${codec.name}`;
    throw new RequestPlaneError("invalid_argument", message, { cause });
  }
}

/** Throws `invalid_argument` for what JSON can't hold, such as an object that contains itself. */
function toJson(request: unknown): string {
  try {
    return encodeJson(request);
  } catch (cause) {
    throw new RequestPlaneError("invalid_argument", "The request can't be written as JSON", { cause });
  }
}
