/** Headers of a request as NATS headers, and back. */
import { MsgHdrsImpl } from "@nats-io/transport-node";
import type { MsgHdrs } from "@nats-io/transport-node";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { Headers } from "@dynamo/request-plane-core";

export interface EncodedHeaders {
  /** Absent when there are none: the message goes without a header block then. */
  readonly headers: MsgHdrs | undefined;
  /** Bytes of the header block, which count against the server's limit. */
  readonly bytes: number;
}

/** What the client would make of the headers, made once: it takes them apart and together again for each request. */
class EncodedBlock extends MsgHdrsImpl {
  readonly #block: Buffer;

  constructor(block: Buffer) {
    super();
    this.#block = block;
  }

  override encode(): Uint8Array {
    return this.#block;
  }
}

/** Throws `invalid_argument` for names and values that can't be in a header block. */
export function encodeHeaders(record: Headers): EncodedHeaders {
  let lines = "";
  for (const [name, given] of Object.entries(record)) {
    const value = given.trim();
    if (!/^[!-9;-~]+$/.test(name) || /[\0\r\n]/.test(value)) {
      throw new RequestPlaneError("invalid_argument", `The header '${name}' can't be sent over NATS`);
    }
    lines += `${name}: ${value}\r\n`;
  }
  if (lines === "") return { headers: undefined, bytes: 0 };
  const block = Buffer.from(`NATS/1.0\r\n${lines}\r\n`);
  return { headers: new EncodedBlock(block), bytes: block.length };
}

/** Names in lower case; of several values the first. */
export function decodeHeaders(headers: MsgHdrs | undefined): Headers {
  if (!headers) return {};
  return Object.fromEntries(Array.from(headers, ([name, [first = ""]]) => [name.toLowerCase(), first]));
}
