/**
 * The bytes of the bare call-home program. Frames on the response connection have 24 bytes in front (header
 * length, body length, checksum, each u64) and are all header or all body. All text is ASCII, so that a string is as
 * long as its bytes.
 */

export const PREFIX_BYTES = 24;
/** In front of each envelope on the request connection. */
export const LENGTH_BYTES = 4;
/** What the caller gets for each request, in order. */
export const ACK_BYTES = 4;

/** Where header and body of the frame at `start` end; `end` may lie behind the bytes that are here. */
export function boundsAt(bytes: Buffer, start: number): { bodyStart: number; end: number } {
  const bodyStart = start + PREFIX_BYTES + bytes.readUInt32BE(start + 4);
  return { bodyStart, end: bodyStart + bytes.readUInt32BE(start + 12) };
}

export function putPrefix(target: Buffer, offset: number, headerBytes: number, bodyBytes: number): void {
  target.writeUInt32BE(0, offset);
  target.writeUInt32BE(headerBytes, offset + 4);
  target.writeUInt32BE(0, offset + 8);
  target.writeUInt32BE(bodyBytes, offset + 12);
  target.writeUInt32BE(0, offset + 16);
  target.writeUInt32BE(0, offset + 20);
}

/** The header of a request. */
export interface Control {
  readonly id: string;
  readonly connection_info: { readonly transport: string; readonly info: string };
}

/** Where to call home to; JSON in `connection_info.info`. */
export interface Home {
  readonly address: string;
  readonly subject: string;
}
