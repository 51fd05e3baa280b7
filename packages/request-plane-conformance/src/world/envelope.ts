/**
 * The request envelope as a raw worker or caller sees it: a two-part message whose header is JSON.
 *
 *     u64 header length | u64 body length | u64 checksum | header | body        (big-endian)
 *
 * Source: wire-protocol notes, sections 1.1, 1.2 and 5.1.
 */
const PREFIX_BYTES = 24;

export interface TwoPart {
  readonly header: Buffer;
  readonly body: Buffer;
  /** Bytes of the whole message. */
  readonly length: number;
}

export function twoPart(header: string | Uint8Array, body: string | Uint8Array = ""): Buffer {
  const parts = [header, body].map((part) => (typeof part === "string" ? Buffer.from(part) : part));
  const prefix = Buffer.alloc(PREFIX_BYTES);
  parts.forEach((part, i) => prefix.writeBigUInt64BE(BigInt(part.length), i * 8));
  return Buffer.concat([prefix, ...parts]);
}

/** The message at the front of the bytes, or `undefined` when it is not whole yet. */
export function readTwoPart(bytes: Uint8Array): TwoPart | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < PREFIX_BYTES) return undefined;
  const bodyStart = PREFIX_BYTES + Number(buffer.readBigUInt64BE(0));
  const length = bodyStart + Number(buffer.readBigUInt64BE(8));
  if (buffer.length < length) return undefined;
  return {
    header: buffer.subarray(PREFIX_BYTES, bodyStart),
    body: buffer.subarray(bodyStart, length),
    length,
  };
}

/** What a worker must know to call home. */
export interface CallHome {
  readonly address: string;
  readonly subject: string;
}

interface ControlJson {
  readonly id: string;
  readonly connection_info: { readonly transport: string; readonly info: string };
}

/** The control message of an envelope that core has made. Throws when the response takes another way home. */
export function callHomeOf(envelope: Uint8Array): CallHome & { readonly id: string } {
  const message = readTwoPart(envelope);
  if (!message) throw new Error("The envelope is cut short");
  const { id, connection_info: info } = JSON.parse(message.header.toString()) as ControlJson;
  if (info.transport !== "tcp_server") throw new Error(`Responses come back over '${info.transport}'`);
  return { id, ...(JSON.parse(info.info) as CallHome) };
}

/** The same envelope with another address to call home to. */
export function withHome(envelope: Uint8Array, address: string): Buffer {
  const message = readTwoPart(envelope);
  if (!message) throw new Error("The envelope is cut short");
  const control = JSON.parse(message.header.toString()) as ControlJson;
  const info = JSON.stringify({ ...(JSON.parse(control.connection_info.info) as CallHome), address });
  const connection = { ...control.connection_info, info };
  return twoPart(JSON.stringify({ ...control, connection_info: connection }), message.body);
}
