/** Byte streams in pieces. */

/** Numbers from 0 up to `limit`, the same for the same seed (mulberry32). */
export function seeded(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

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

export function atRandom(bytes: Buffer, random: (limit: number) => number): Buffer[] {
  return cutAt(
    bytes,
    Array.from({ length: 1 + random(8) }, () => random(bytes.length + 1)),
  );
}
