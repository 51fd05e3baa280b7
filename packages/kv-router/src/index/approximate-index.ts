import { halves, HIGH, LOW } from "../hashes.ts";
import { BlockTree, NONE, ROOT } from "../tree/block-tree.ts";
import { Matcher } from "../tree/matcher.ts";
import { EXPIRY_FIELDS, ExpiryOrder } from "./expiry-order.ts";
import type { OverlapIndex } from "./overlap-index.ts";

export interface ApproximateIndexOptions {
  /** How long a block counts as cached after it was last used, in milliseconds. 120,000 unless told, as in Dynamo. */
  readonly ttlMs?: number;
  /** Block entries kept at most; those used longest ago go first. 1,048,576 unless told, as in Dynamo. */
  readonly maxBlocks?: number;
  /** A clock in milliseconds that never goes back; `performance.now` unless told. */
  readonly now?: () => number;
}

/** Times are kept in tenths of a second, so that they fit into a word for years. */
const TICK_MS = 100;

/**
 * The index for workers that send no events: it takes for cached what was sent to a worker lately.
 * Source: interop notes, section D7; lib/kv-router/src/indexer/pruning.rs of ai-dynamo/dynamo at 18bcdc90.
 */
export class ApproximateIndex implements OverlapIndex {
  readonly #tree: BlockTree;
  readonly #matcher: Matcher;
  readonly #order: ExpiryOrder;
  readonly #ttl: number;
  readonly #maxBlocks: number;
  readonly #now: () => number;
  readonly #start: number;

  constructor(options: ApproximateIndexOptions = {}) {
    const { ttlMs = 120_000, maxBlocks = 2 ** 20, now = () => performance.now() } = options;
    this.#tree = new BlockTree({
      ownFields: EXPIRY_FIELDS,
      onRemove: (membership) => this.#order.remove(membership),
    });
    this.#order = new ExpiryOrder(this.#tree.memberships);
    this.#matcher = new Matcher(this.#tree);
    this.#ttl = Math.ceil(ttlMs / TICK_MS);
    this.#maxBlocks = maxBlocks;
    this.#now = now;
    this.#start = now();
  }

  get size(): number {
    return this.#tree.size;
  }

  get blockCount(): number {
    return this.#tree.nodeCount;
  }

  get bytes(): number {
    return this.#tree.bytes;
  }

  /** Takes note that a slot was sent these blocks and will have them in its cache. */
  record(slot: number, blockHashes: BigUint64Array, sequenceHashes: BigUint64Array): void {
    const tokens = halves(blockHashes);
    const names = halves(sequenceHashes);
    const used = new Int32Array(sequenceHashes.length);
    let node: number = ROOT;
    for (let at = 0; at < names.length; at += 2) {
      node = this.#tree.grow(node, tokens[at + LOW] ?? 0, tokens[at + HIGH] ?? 0);
      used[at / 2] = this.#use(slot, node, names[at + LOW] ?? 0, names[at + HIGH] ?? 0);
    }
    // The first block is the newest: a sequence is forgotten from its end.
    const time = this.#time();
    for (const membership of used.reverse()) this.#order.touch(membership, time);
    this.sweep();
  }

  match(blockHashes: BigUint64Array, depths: Int32Array): void {
    this.sweep();
    this.#matcher.match(blockHashes, depths);
  }

  sizeOf(slot: number): number {
    return this.#tree.sizeOf(slot);
  }

  clear(slot: number): void {
    this.#tree.clear(slot);
  }

  /** Forgets what is too old or too much. `match` and `record` do it too. */
  sweep(): void {
    const expired = this.#time() - this.#ttl;
    for (let oldest = this.#order.oldest; oldest !== NONE; oldest = this.#order.oldest) {
      if (this.#order.touchedAt(oldest) > expired && this.#tree.size <= this.#maxBlocks) return;
      this.#tree.remove(oldest);
    }
  }

  #use(slot: number, node: number, low: number, high: number): number {
    const known = this.#tree.find(slot, low, high);
    if (known !== NONE && this.#tree.nodeOf(known) === node) return known;
    const membership = this.#tree.put(slot, node, low, high);
    if (known === NONE) this.#order.add(membership);
    return membership;
  }

  #time(): number {
    return Math.floor((this.#now() - this.#start) / TICK_MS);
  }
}
