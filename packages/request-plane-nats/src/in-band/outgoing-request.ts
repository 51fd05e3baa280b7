import type { NatsConnection } from "@nats-io/transport-node";
import { TWO_PART_PREFIX_BYTES, writeTwoPartPrefix } from "@dynamo/request-plane-core";
import type { InBandRequest } from "@dynamo/request-plane-core";
import { encodeHeaders } from "../message-headers.ts";
import type { EncodedHeaders } from "../message-headers.ts";

/** A request that is encoded when it is published. */
export class OutgoingRequest {
  readonly address: string;
  /** Header block and payload: what counts against the server's limit. */
  readonly bytes: number;
  readonly #request: InBandRequest;
  readonly #headers: EncodedHeaders;
  readonly #controlBytes: number;
  readonly #payloadBytes: number;

  /** Throws `invalid_argument` for headers that NATS can't carry. */
  constructor(request: InBandRequest) {
    this.#request = request;
    this.address = request.address;
    this.#headers = encodeHeaders(request.headers);
    const { control, payload } = request;
    this.#controlBytes = Buffer.byteLength(control);
    this.#payloadBytes = typeof payload === "string" ? Buffer.byteLength(payload) : payload.length;
    this.bytes = this.#headers.bytes + this.#envelopeBytes;
  }

  publish(connection: NatsConnection, reply: string): void {
    const { headers } = this.#headers;
    connection.publish(this.address, this.#envelope(), { reply, ...(headers && { headers }) });
  }

  get #envelopeBytes(): number {
    return TWO_PART_PREFIX_BYTES + this.#controlBytes + this.#payloadBytes;
  }

  #envelope(): Buffer {
    const { control, payload } = this.#request;
    const envelope = Buffer.allocUnsafe(this.#envelopeBytes);
    writeTwoPartPrefix(envelope, 0, this.#controlBytes, this.#payloadBytes);
    envelope.write(control, TWO_PART_PREFIX_BYTES);
    const payloadStart = TWO_PART_PREFIX_BYTES + this.#controlBytes;
    if (typeof payload === "string") envelope.write(payload, payloadStart);
    else envelope.set(payload, payloadStart);
    return envelope;
  }
}
