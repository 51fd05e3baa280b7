/** Headers of a request as NATS headers, and back. */
import { headers as createHeaders } from "@nats-io/transport-node";
import type { MsgHdrs } from "@nats-io/transport-node";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { Headers } from "@dynamo/request-plane-core";

export interface EncodedHeaders {
  /** Absent when there are none: the message goes without a header block then. */
  readonly headers: MsgHdrs | undefined;
  /** Bytes of the header block, which count against the server's limit. */
  readonly bytes: number;
}

/** `NATS/1.0`, and the empty line that ends the block. */
const FRAME_BYTES = "NATS/1.0\r\n\r\n".length;

/** Throws `invalid_argument` for names and values that can't be in a header block. */
export function encodeHeaders(record: Headers): EncodedHeaders {
  const entries = Object.entries(record);
  if (entries.length === 0) return { headers: undefined, bytes: 0 };
  const headers = createHeaders();
  let bytes = FRAME_BYTES;
  for (const [name, given] of entries) {
    const value = given.trim();
    if (!/^[!-9;-~]+$/.test(name) || /[\0\r\n]/.test(value)) {
      throw new RequestPlaneError("invalid_argument", `The header '${name}' can't be sent over NATS`);
    }
    headers.set(name, value);
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + ": \r\n".length;
  }
  return { headers, bytes };
}

/** Names in lower case; of several values the first. */
export function decodeHeaders(headers: MsgHdrs | undefined): Headers {
  if (!headers) return {};
  return Object.fromEntries(headers.keys().map((name) => [name.toLowerCase(), headers.get(name)]));
}
