/** What the tests of all packages need. It knows none of them, so that also the tests of core can use it. */
export { largestAllocation } from "./allocations.ts";
export { atRandom, byteByByte, cutAt } from "./cuts.ts";
export { cuts, damaged } from "./damage.ts";
export { decodingWith, textOf } from "./decoding.ts";
export type { Decoded } from "./decoding.ts";
export { sendAndEnd } from "./peer.ts";
export type { Ending } from "./peer.ts";
export { seededBelow } from "./random.ts";
export { standsStill, until } from "./until.ts";
