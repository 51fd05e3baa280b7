/** What happens to the bytes of one direction. Everything that is left out does not happen. */
export interface Faults {
  /** Each piece is held for so long, in milliseconds. */
  readonly latencyMs?: number;
  /** Up to so much is added to the latency, at random. The order stays. */
  readonly jitterMs?: number;
  readonly bytesPerSecond?: number;
  /** Bytes are passed on in pieces of at most so many; 1 with a latency is a slow peer, byte by byte. */
  readonly pieceBytes?: number;
  /** Nothing is passed on while this is true. What came meanwhile is not lost, as with a broken network. */
  readonly blackHole?: boolean;
  /** The byte at this position of each connection is inverted. */
  readonly corruptAt?: number;
  readonly cut?: Cut;
}

export interface Cut {
  /** So many bytes of each connection are passed on, counted from its beginning. */
  readonly afterBytes: number;
  /** Ends both directions, resets both, or ends this direction only. */
  readonly how: "close" | "reset" | "half-close";
}

/** Bytes that may be passed on at once: with a bandwidth, what it allows in a twentieth of a second. */
export function pieceBytesOf({ pieceBytes, bytesPerSecond }: Faults): number {
  const byRate = bytesPerSecond === undefined ? Infinity : Math.max(1, Math.floor(bytesPerSecond / 20));
  return Math.min(pieceBytes ?? Infinity, byRate);
}

/** How long a piece of so many bytes is held, in milliseconds. */
export function delayOf({ latencyMs = 0, jitterMs = 0, bytesPerSecond }: Faults, bytes: number): number {
  const transferMs = bytesPerSecond === undefined ? 0 : (bytes / bytesPerSecond) * 1000;
  return latencyMs + Math.random() * jitterMs + transferMs;
}

/** The piece with the faulty byte, if it is in this one. `position` is that of the piece's first byte. */
export function corrupted(piece: Buffer, position: number, { corruptAt }: Faults): Buffer {
  const index = corruptAt === undefined ? -1 : corruptAt - position;
  const byte = index < 0 ? undefined : piece[index];
  if (byte === undefined) return piece;
  const copy = Buffer.from(piece);
  copy[index] = byte ^ 0xff;
  return copy;
}
