import { hash } from "node:crypto";

/** A number from 0 (included) to 1 (excluded). */
export type Random = () => number;

/**
 * Numbers that depend on the seed and the text alone: the same question to a worker with the same seed gets
 * the same answer, whatever else runs beside it.
 */
export function seededRandom(seed: number, text: string): Random {
  // Made with the first number: not all answers need one.
  let state: number | undefined;
  return () => {
    // Marsaglia's xorshift32; zero is the one state it can't leave.
    state ??= hash("sha256", `${seed}\n${text}`, "buffer").readUInt32LE() || 1;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
