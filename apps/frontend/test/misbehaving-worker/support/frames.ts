/**
 * Frames as they stand on the wire, read and written by hand: a fault in our codec must not hide behind itself.
 */

/** Three u64 (header bytes, body bytes, checksum), header, body. */
export function twoPart(header: string, body = ""): Buffer {
  const prefix = Buffer.alloc(24);
  prefix.writeBigUInt64BE(BigInt(Buffer.byteLength(header)), 0);
  prefix.writeBigUInt64BE(BigInt(Buffer.byteLength(body)), 8);
  return Buffer.concat([prefix, Buffer.from(header + body)]);
}

/** u32 length, text. An empty one is the acknowledgement. */
export function reply(text: string): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(Buffer.byteLength(text));
  return Buffer.concat([prefix, Buffer.from(text)]);
}

export interface TwoPart {
  readonly header: string;
  readonly body: string;
}

/** What stands at the front of a buffer, and how many bytes it takes. */
export type Read<Frame> = (bytes: Buffer) => readonly [frame: Frame, length: number] | undefined;

export const readTwoPart: Read<TwoPart> = (bytes) => {
  if (bytes.length < 24) return undefined;
  const bodyStart = 24 + Number(bytes.readBigUInt64BE(0));
  const end = bodyStart + Number(bytes.readBigUInt64BE(8));
  if (bytes.length < end) return undefined;
  return [
    { header: bytes.toString("utf8", 24, bodyStart), body: bytes.toString("utf8", bodyStart, end) },
    end,
  ];
};

/** u16 path | u16 headers | u32 envelope, each with its bytes. Only the envelope is of interest. */
export const readRequest: Read<TwoPart> = (bytes) => {
  if (bytes.length < 2) return undefined;
  const pathEnd = 2 + bytes.readUInt16BE(0);
  if (bytes.length < pathEnd + 2) return undefined;
  const headersEnd = pathEnd + 2 + bytes.readUInt16BE(pathEnd);
  if (bytes.length < headersEnd + 4) return undefined;
  const end = headersEnd + 4 + bytes.readUInt32BE(headersEnd);
  if (bytes.length < end) return undefined;
  const envelope = readTwoPart(bytes.subarray(headersEnd + 4, end));
  if (!envelope) throw new Error("The frontend sent an envelope that isn't whole");
  return [envelope[0], end];
};

/** A listener for a socket's data that hands out whole frames. */
export function cutInto<Frame>(read: Read<Frame>, onFrame: (frame: Frame) => void): (chunk: Buffer) => void {
  let bytes: Buffer = Buffer.alloc(0);
  return (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    for (let found = read(bytes); found; found = read(bytes)) {
      bytes = bytes.subarray(found[1]);
      onFrame(found[0]);
    }
  };
}
