/** Depths of slots that are given as bits, the bits of slots 0 to 31 in the first word. */

/** A word of bits that are all set. */
const ALL = -1;

/** Slots next to each other are written together: those of a common prompt are almost all. */
export function writeBits(bits: Int32Array, depth: number, depths: Int32Array): void {
  for (let word = 0; word < bits.length; word++) {
    const first = word;
    while (bits[word] === ALL) word++;
    if (word > first) depths.fill(depth, first * 32, word * 32);
    if (word < bits.length) writeWord(word, bits[word] ?? 0, depth, depths);
  }
}

export function writeWord(word: number, bits: number, depth: number, depths: Int32Array): void {
  let slot = word * 32;
  if (bits === ALL) {
    depths.fill(depth, slot, slot + 32);
    return;
  }
  for (let rest = bits; rest !== 0;) {
    const gap = zerosBelow(rest);
    slot += gap;
    rest >>>= gap;
    const ones = zerosBelow(~rest);
    for (const end = slot + ones; slot < end; slot++) depths[slot] = depth;
    rest >>>= ones;
  }
}

/** Bits below the lowest one that is set. */
function zerosBelow(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
