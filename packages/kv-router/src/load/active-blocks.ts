import { halves, HIGH, LOW } from "../hashes.ts";
import { BlockTree, NONE, ROOT } from "../tree/block-tree.ts";
import { Matcher } from "../tree/matcher.ts";
import { MEMBERSHIP } from "../tree/records.ts";

/** The field of a membership that counts the requests that use the block. */
const USES = MEMBERSHIP.own;

/** The blocks that requests use on each slot at the moment. Requests with the same beginning share its blocks. */
export class ActiveBlocks {
  readonly #tree = new BlockTree({ ownFields: 1 });
  readonly #matcher = new Matcher(this.#tree);

  /** Different blocks in use on a slot. */
  count(slot: number): number {
    return this.#tree.sizeOf(slot);
  }

  /** Counts for each slot how many blocks of a sequence are in use there already. */
  match(sequenceHashes: BigUint64Array, depths: Int32Array): void {
    this.#matcher.match(sequenceHashes, depths);
  }

  /** Takes the blocks of a request into use. @returns what to give back to `release`. */
  hold(slot: number, sequenceHashes: BigUint64Array): Int32Array {
    const tree = this.#tree;
    const words = halves(sequenceHashes);
    const held = new Int32Array(sequenceHashes.length);
    let node: number = ROOT;
    for (let at = 0; at < words.length; at += 2) {
      const low = words[at + LOW] ?? 0;
      const high = words[at + HIGH] ?? 0;
      // The hash stands for the block and all before it, so wherever it is, it is the same block.
      let membership = tree.find(slot, low, high);
      if (membership === NONE) {
        membership = tree.put(slot, tree.grow(node, low, high), low, high);
        tree.memberships.set(membership, USES, 0);
      }
      tree.memberships.set(membership, USES, tree.memberships.get(membership, USES) + 1);
      node = tree.nodeOf(membership);
      held[at / 2] = membership;
    }
    return held;
  }

  release(held: Int32Array): void {
    const { memberships } = this.#tree;
    // The last block first, so that nodes go as they become leaves.
    for (let at = held.length - 1; at >= 0; at--) {
      const membership = held[at] ?? NONE;
      const uses = memberships.get(membership, USES) - 1;
      memberships.set(membership, USES, uses);
      if (uses === 0) this.#tree.remove(membership);
    }
  }
}
