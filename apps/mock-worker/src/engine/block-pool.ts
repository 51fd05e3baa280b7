/**
 * The blocks of a KV cache: who uses them, and which of those that nobody uses goes first when room is needed.
 *
 * A block that is full has a name, the hash of its tokens and of all before them, and whoever begins with the same
 * tokens shares it. When nobody refers to it any more, it stays until its room is needed. Blocks that aren't full
 * belong to one sequence each and are only counted. Source: interop notes, section E2.
 */
import type { KvChange } from "@dynamo/kv-router";
import { ChangeLog } from "./change-log.ts";
import type { NamedBlock } from "./change-log.ts";

interface Block extends NamedBlock {
  /** Sequences that use it. */
  refs: number;
  /** Neighbours among those that nobody uses, from the one that waits longest. */
  previous: Block | undefined;
  next: Block | undefined;
}

export class BlockPool {
  readonly capacity: number;
  readonly #named = new Map<bigint, Block>();
  readonly #log = new ChangeLog();
  #oldest: Block | undefined;
  #newest: Block | undefined;
  #idle = 0;
  #unnamed = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Blocks that some sequence uses. */
  get used(): number {
    return this.#named.size - this.#idle + this.#unnamed;
  }

  /** Blocks that can be had, also at the cost of cached ones. */
  get available(): number {
    return this.capacity - this.used;
  }

  /** Sum of all references, to named blocks and to others. */
  get refs(): number {
    let sum = this.#unnamed;
    for (const { refs } of this.#named.values()) sum += refs;
    return sum;
  }

  /** Names of all blocks in the cache, used or not. */
  get names(): Iterable<bigint> {
    return this.#named.keys();
  }

  /** How many blocks from the start are in the cache, and how many of these nobody uses. */
  match(hashes: readonly bigint[]): { readonly blocks: number; readonly idle: number } {
    let blocks = 0;
    let idle = 0;
    for (const hash of hashes) {
      const block = this.#named.get(hash);
      if (!block) break;
      blocks += 1;
      if (block.refs === 0) idle += 1;
    }
    return { blocks, idle };
  }

  /** One more user for a block that is in the cache. */
  share(hash: bigint): void {
    const block = this.#get(hash);
    if (block.refs === 0) this.#unlink(block);
    block.refs += 1;
  }

  /** Blocks without names, for one sequence. `false`, and none are taken, when there are not enough. */
  take(count: number): boolean {
    if (count > this.available) return false;
    for (let free = this.available - this.#idle; free < count; free++) this.#evictOldest();
    this.#unnamed += count;
    return true;
  }

  /** A block that was taken is full. When the cache has the like of it already, that one is shared instead. */
  name(block: NamedBlock): void {
    this.#unnamed -= 1;
    if (this.#named.has(block.hash)) {
      this.share(block.hash);
    } else {
      this.#named.set(block.hash, { ...block, refs: 1, previous: undefined, next: undefined });
      this.#log.stored(block);
    }
  }

  /**
   * One user less for these blocks of one sequence, first to last. The last one is the first to go when room is
   * needed, so that no block is left without those before it.
   */
  release(hashes: readonly bigint[]): void {
    for (let at = hashes.length - 1; at >= 0; at--) {
      const block = this.#get(hashes[at] ?? 0n);
      block.refs -= 1;
      if (block.refs === 0) this.#link(block);
    }
  }

  /** Gives blocks without names back. */
  giveBack(count: number): void {
    this.#unnamed -= count;
  }

  /** What changed in the cache since the last time. */
  takeChanges(): KvChange[] {
    return this.#log.take();
  }

  #get(hash: bigint): Block {
    const block = this.#named.get(hash);
    if (!block) throw new Error(`block ${hash.toString(16)} is not in the cache`);
    return block;
  }

  #evictOldest(): void {
    const block = this.#oldest;
    if (!block) throw new Error("no block can be evicted");
    this.#unlink(block);
    this.#named.delete(block.hash);
    this.#log.removed(block.hash);
  }

  #link(block: Block): void {
    block.previous = this.#newest;
    if (this.#newest) this.#newest.next = block;
    else this.#oldest = block;
    this.#newest = block;
    this.#idle += 1;
  }

  #unlink(block: Block): void {
    if (block.previous) block.previous.next = block.next;
    else this.#oldest = block.next;
    if (block.next) block.next.previous = block.previous;
    else this.#newest = block.previous;
    block.previous = block.next = undefined;
    this.#idle -= 1;
  }
}
