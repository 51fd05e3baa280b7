/**
 * Hashes of blocks are unsigned 64-bit. Lists of them are `BigUint64Array`s: eight bytes each, and the two
 * halves can be read as plain numbers, without a `bigint` for every hash that passes by.
 */

const littleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Where the halves of hash `i` stand in `halves()`: at `2 * i + LOW` and `2 * i + HIGH`. */
export const LOW = littleEndian ? 0 : 1;
export const HIGH = 1 - LOW;

/** The same memory, as two signed numbers of 32 bits for each hash. */
export function halves(hashes: BigUint64Array): Int32Array {
  return new Int32Array(hashes.buffer, hashes.byteOffset, hashes.length * 2);
}

const one = new BigUint64Array(1);
const oneHalves = halves(one);

/** Both halves of a single hash, at `LOW` and `HIGH`. Overwritten by the next call. */
export function split(hash: bigint): Int32Array {
  one[0] = hash;
  return oneHalves;
}

/** The hash whose halves these are. */
export function join(low: number, high: number): bigint {
  oneHalves[LOW] = low;
  oneHalves[HIGH] = high;
  return one[0] ?? 0n;
}
