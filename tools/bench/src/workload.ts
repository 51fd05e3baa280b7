/**
 * What every subject carries: the same request, the same items, the same cases.
 */

export interface BenchRequest {
  /** How many items the server answers with. */
  readonly items: number;
  readonly text: string;
  /** After its items the answer does not end until the caller leaves it. */
  readonly hold?: true;
  /** Its items are made without waiting, all at once. Default: as a worker does that waits for each. */
  readonly ready?: true;
}

/** About as large as one chunk of a chat: 67 to 69 bytes of JSON. */
export interface BenchItem {
  readonly id: string;
  readonly index: number;
  readonly delta: { readonly content: string };
}

export interface BenchCase {
  readonly name: string;
  readonly what: string;
  readonly kind: "unary" | "stream" | "batches";
  /** Calls under way at any time; each that ends is replaced. */
  readonly concurrency: number;
  /** Items of each answer. */
  readonly items: number;
  /** What the speed is in. */
  readonly counted: "calls" | "items";
  /** Where a latency ends. */
  readonly timedTo: "first item" | "end";
}

const REQUEST_BYTES = 1024;

/** Of subjects that carry requests between two processes. */
export const PLANE_CASES: readonly BenchCase[] = [
  {
    name: "unary-1",
    what: "one call at a time",
    kind: "unary",
    concurrency: 1,
    items: 1,
    counted: "calls",
    timedTo: "end",
  },
  {
    name: "unary-64",
    what: "64 calls at a time",
    kind: "unary",
    concurrency: 64,
    items: 1,
    counted: "calls",
    timedTo: "end",
  },
  {
    name: "stream-32",
    what: "32 streams of 256 items at a time",
    kind: "stream",
    concurrency: 32,
    items: 256,
    counted: "items",
    timedTo: "end",
  },
  {
    name: "batch-32",
    what: "the same, items made all at once and read as many at a time as are here",
    kind: "batches",
    concurrency: 32,
    items: 256,
    counted: "items",
    timedTo: "end",
  },
];

/** Of frontends, which answer chats over HTTP. */
export const FRONTEND_CASES: readonly BenchCase[] = [
  {
    name: "chat-1",
    what: "one client on a kept connection, chats of 16 chunks",
    kind: "stream",
    concurrency: 1,
    items: 16,
    counted: "calls",
    timedTo: "end",
  },
  {
    name: "chat-first-1",
    what: "the same, timed to the first chunk",
    kind: "stream",
    concurrency: 1,
    items: 16,
    counted: "calls",
    timedTo: "first item",
  },
  {
    name: "chat-32",
    what: "32 clients, chats of 128 chunks",
    kind: "stream",
    concurrency: 32,
    items: 128,
    counted: "items",
    timedTo: "end",
  },
];

/** A request of exactly 1 KiB of JSON. */
export function requestFor({ items, kind }: Pick<BenchCase, "items" | "kind">): BenchRequest {
  const bare: BenchRequest = { items, text: "", ...(kind === "batches" ? { ready: true } : {}) };
  return { ...bare, text: "x".repeat(REQUEST_BYTES - JSON.stringify(bare).length) };
}

export function itemAt(index: number): BenchItem {
  return { id: "chatcmpl-0123456789", index, delta: { content: " token" } };
}
