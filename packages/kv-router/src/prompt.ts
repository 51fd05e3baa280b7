import { blockHashes, sequenceHashes } from "./hashing.ts";
import type { BlockHashOptions } from "./hashing.ts";

/** A prompt with the hashes of its blocks. Keep it for another try: hashing is most of the work. */
export interface Prompt {
  /** How many. */
  readonly tokens: number;
  readonly blockHashes: BigUint64Array;
  readonly sequenceHashes: BigUint64Array;
}

export function promptOf(
  tokens: ArrayLike<number>,
  blockSize: number,
  options: BlockHashOptions = {},
): Prompt {
  const blocks = blockHashes(tokens, blockSize, options);
  return { tokens: tokens.length, blockHashes: blocks, sequenceHashes: sequenceHashes(blocks) };
}
