/** What the tests of all packages need. It knows none of them, so that also the tests of core can use it. */
export { sendAndEnd } from "./peer.ts";
export type { Ending } from "./peer.ts";
export { until } from "./until.ts";
