/** Frames of the TCP plane and of call-home, written and read by hand: a fault in our codec must not hide behind itself. */

/** A listener for a socket's data that hands out whole frames. `read` looks at the front of what is there. */
export function cutInto<Frame extends { readonly length: number }>(
  read: (bytes: Buffer) => Frame | undefined,
  onFrame: (frame: Frame) => void,
): (chunk: Buffer) => void {
  let bytes: Buffer = Buffer.alloc(0);
  return (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    for (let frame = read(bytes); frame; frame = read(bytes)) {
      bytes = bytes.subarray(frame.length);
      onFrame(frame);
    }
  };
}

/** u16 path | u16 headers | u32 payload, each with its bytes. */
export function frame08(path: string | Buffer, headers: object, payload: Buffer): Buffer {
  const json = JSON.stringify(headers);
  return Buffer.concat([u16(path), bytesOf(path), u16(json), bytesOf(json), u32(payload.length), payload]);
}

/** u16 path | u32 payload, each with its bytes. */
export function frame07(path: string, payload: Buffer): Buffer {
  return Buffer.concat([u16(path), bytesOf(path), u32(payload.length), payload]);
}

export const ACK: Buffer = Buffer.alloc(4);

export function replyFrame(text: string): Buffer {
  return Buffer.concat([u32(Buffer.byteLength(text)), bytesOf(text)]);
}

/** Three u64 (header, body, checksum), header, body. */
export function twoPart(header: string, body = ""): Buffer {
  const prefix = Buffer.alloc(24);
  prefix.writeBigUInt64BE(BigInt(Buffer.byteLength(header)), 0);
  prefix.writeBigUInt64BE(BigInt(Buffer.byteLength(body)), 8);
  return Buffer.concat([prefix, bytesOf(header), bytesOf(body)]);
}

/** An envelope whose response goes to `address`. */
export function envelope(id: string, address: string, request: unknown): Buffer {
  const info = JSON.stringify({ address, subject: id, context: id, stream_type: "response" });
  const control = JSON.stringify({
    id,
    request_type: "single_in",
    response_type: "many_out",
    connection_info: { transport: "tcp_server", info },
  });
  return twoPart(control, JSON.stringify(request));
}

/** The front of a buffer as a two-part message, or undefined when it is not whole yet. */
export function readTwoPart(bytes: Buffer): { header: string; body: Buffer; length: number } | undefined {
  if (bytes.length < 24) return undefined;
  const bodyStart = 24 + Number(bytes.readBigUInt64BE(0));
  const length = bodyStart + Number(bytes.readBigUInt64BE(8));
  if (bytes.length < length) return undefined;
  return { header: bytes.toString("utf8", 24, bodyStart), body: bytes.subarray(bodyStart, length), length };
}

export interface RawRequest {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly envelope: Buffer;
  readonly length: number;
}

/** The front of a buffer as a frame of 0.8 and newer, or undefined when it is not whole yet. */
export function readFrame08(bytes: Buffer): RawRequest | undefined {
  if (bytes.length < 2) return undefined;
  const pathEnd = 2 + bytes.readUInt16BE(0);
  if (bytes.length < pathEnd + 2) return undefined;
  const headersEnd = pathEnd + 2 + bytes.readUInt16BE(pathEnd);
  if (bytes.length < headersEnd + 4) return undefined;
  const length = headersEnd + 4 + bytes.readUInt32BE(headersEnd);
  if (bytes.length < length) return undefined;
  return {
    path: bytes.toString("utf8", 2, pathEnd),
    headers: JSON.parse(bytes.toString("utf8", pathEnd + 2, headersEnd)) as Record<string, string>,
    envelope: bytes.subarray(headersEnd + 4, length),
    length,
  };
}

function bytesOf(content: string | Buffer): Buffer {
  return typeof content === "string" ? Buffer.from(content) : content;
}

function u16(content: string | Buffer): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(bytesOf(content).length);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
