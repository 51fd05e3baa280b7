/** Byte streams in pieces. */

export function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ordered = [
    0,
    ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b),
    bytes.length,
  ];
  return ordered.slice(1).map((end, index) => bytes.subarray(ordered[index], end));
}

export function byteByByte(bytes: Buffer): Buffer[] {
  return cutAt(
    bytes,
    Array.from(bytes, (_byte, index) => index),
  );
}

export function atRandom(bytes: Buffer, below: (limit: number) => number): Buffer[] {
  return cutAt(
    bytes,
    Array.from({ length: 1 + below(8) }, () => below(bytes.length + 1)),
  );
}
