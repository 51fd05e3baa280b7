import { halves, HIGH, LOW } from "../hashes.ts";
import { BlockTree, NONE, ROOT } from "../tree/block-tree.ts";
import { MEMBERSHIP } from "../tree/records.ts";

/** The field of a membership that counts the requests that use the block. */
const USES = MEMBERSHIP.own;

/**
 * The blocks that requests use on each slot at the moment. Requests with the same beginning share its blocks.
 *
 * The hash of a block stands for all blocks before it too, so all of them are at the root of the tree. Who uses a
 * block uses those before it.
 */
export class ActiveBlocks {
  readonly #tree = new BlockTree({ ownFields: 1 });

  /** Different blocks in use on a slot. */
  count(slot: number): number {
    return this.#tree.sizeOf(slot);
  }

  /**
   * Counts for each slot how many blocks of a sequence are in use there already. Blocks that equally many use are
   * used by the same ones, so only a few of a long sequence are looked at.
   */
  match(sequenceHashes: BigUint64Array, depths: Int32Array): void {
    depths.fill(0);
    const { members } = this.#tree;
    const words = halves(sequenceHashes);
    for (let depth = 0; depth < sequenceHashes.length;) {
      const node = this.#nodeOf(words, depth);
      if (node === NONE) return;
      depth = this.#endOf(words, depth, members.count(node));
      members.writeDepth(node, depth, depths);
    }
  }

  /** The end of the run of blocks, from one on, that so many slots use. */
  #endOf(words: Int32Array, from: number, users: number): number {
    const isInRun = (at: number): boolean => {
      const node = this.#nodeOf(words, at);
      return node !== NONE && this.#tree.members.count(node) === users;
    };
    let inside = from;
    let outside = words.length / 2;
    // Most often it is all of them.
    if (isInRun(outside - 1)) return outside;
    while (outside - inside > 1) {
      const middle = (inside + outside) >>> 1;
      if (isInRun(middle)) inside = middle;
      else outside = middle;
    }
    return outside;
  }

  #nodeOf(words: Int32Array, at: number): number {
    return this.#tree.child(ROOT, words[at * 2 + LOW] ?? 0, words[at * 2 + HIGH] ?? 0);
  }

  /** Takes the blocks of a request into use. @returns what to give back to `release`. */
  hold(slot: number, sequenceHashes: BigUint64Array): Int32Array {
    const tree = this.#tree;
    const words = halves(sequenceHashes);
    const held = new Int32Array(sequenceHashes.length);
    for (let at = 0; at < words.length; at += 2) {
      const low = words[at + LOW] ?? 0;
      const high = words[at + HIGH] ?? 0;
      let membership = tree.find(slot, low, high);
      if (membership === NONE) {
        membership = tree.put(slot, tree.grow(ROOT, low, high), low, high);
        tree.memberships.set(membership, USES, 0);
      }
      tree.memberships.set(membership, USES, tree.memberships.get(membership, USES) + 1);
      held[at / 2] = membership;
    }
    return held;
  }

  release(held: Int32Array): void {
    const { memberships } = this.#tree;
    for (const membership of held) {
      const uses = memberships.get(membership, USES) - 1;
      memberships.set(membership, USES, uses);
      if (uses === 0) this.#tree.remove(membership);
    }
  }
}
