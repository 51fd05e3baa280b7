import { halves, HIGH, LOW } from "../hashes.ts";
import { NONE, ROOT } from "./block-tree.ts";
import type { BlockTree } from "./block-tree.ts";
import { OWNER } from "./keyed-records.ts";
import { MEMBERSHIP, NODE } from "./records.ts";
import { writeBits, writeWord } from "./write-depths.ts";

/**
 * Finds how many blocks of a sequence each slot holds from its first block on, without a gap. A worker can use
 * its cache up to the first block it lacks, so what it has behind a gap counts for nothing.
 *
 * The walk keeps the slots that hold everything so far: as words of bits while many do, as a short list once
 * they are few.
 */
export class Matcher {
  readonly #tree: BlockTree;
  #bits = new Int32Array(1);
  /** The slots are in `#bits`; otherwise the first `#fewCount` of `#few`. */
  #isMany = false;
  /** The row of the last node, while there are many; and whether `#bits` is all of it. */
  #row = NONE;
  #isWhole = false;
  readonly #few: number[] = [];
  #fewCount = 0;

  constructor(tree: BlockTree) {
    this.#tree = tree;
  }

  /** Writes the number of blocks for each slot into `depths`, which has room for every slot of the tree. */
  match(sequence: BigUint64Array, depths: Int32Array): void {
    depths.fill(0);
    const words = halves(sequence);
    let node = ROOT;
    let depth = 0;
    while (depth < sequence.length) {
      node = this.#tree.child(node, words[depth * 2 + LOW] ?? 0, words[depth * 2 + HIGH] ?? 0);
      if (node === NONE) break;
      if (depth === 0) this.#start(node);
      else if (this.#isMany) this.#keepOfMany(node, depth, depths);
      else this.#keepOfFew(node, depth, depths);
      if (!this.#isMany && this.#fewCount === 0) return;
      depth++;
    }
    if (depth > 0) this.#finish(depth, depths);
  }

  #start(node: number): void {
    const { nodes, members } = this.#tree;
    const row = nodes.get(node, NODE.row);
    this.#isMany = row > NONE;
    this.#fewCount = 0;
    if (row <= NONE) {
      this.#forEachMember(node, (slot) => {
        this.#few[this.#fewCount++] = slot;
      });
      return;
    }
    const { words, width } = members.rows;
    if (this.#bits.length !== width) this.#bits = new Int32Array(width);
    this.#bits.set(words.subarray(row * width, (row + 1) * width));
    this.#row = row;
    this.#isWhole = true;
  }

  #keepOfMany(node: number, depth: number, depths: Int32Array): void {
    const row = this.#tree.nodes.get(node, NODE.row);
    const bits = this.#bits;
    if (row <= NONE) {
      this.#becomeFew(node);
      writeBits(bits, depth, depths);
      return;
    }
    const { words, width, stamps, equalTo } = this.#tree.members.rows;
    const stamp = stamps[this.#row] ?? 0;
    this.#row = row;
    // The blocks of a common prompt have the same members, and were compared when they last changed.
    if (equalTo[row] === stamp) return;
    const start = row * width;
    let losses = 0;
    let strangers = 0;
    for (let word = 0; word < bits.length; word++) {
      const had = bits[word] ?? 0;
      const has = words[start + word] ?? 0;
      const lost = had & ~has;
      strangers |= has & ~had;
      if (lost === 0) continue;
      losses |= lost;
      bits[word] = had & has;
      writeWord(word, lost, depth, depths);
    }
    if (this.#isWhole && losses === 0 && strangers === 0) equalTo[row] = stamp;
    this.#isWhole = strangers === 0;
  }

  /** Moves the slots of a node from the bits to the list; who is left in the bits is out. */
  #becomeFew(node: number): void {
    const bits = this.#bits;
    this.#isMany = false;
    this.#fewCount = 0;
    this.#forEachMember(node, (slot) => {
      const word = bits[slot >>> 5] ?? 0;
      const bit = 1 << (slot & 31);
      if ((word & bit) === 0) return;
      bits[slot >>> 5] = word & ~bit;
      this.#few[this.#fewCount++] = slot;
    });
  }

  #keepOfFew(node: number, depth: number, depths: Int32Array): void {
    const { members } = this.#tree;
    const few = this.#few;
    let kept = 0;
    for (let i = 0; i < this.#fewCount; i++) {
      const slot = few[i] ?? 0;
      if (members.has(node, slot)) few[kept++] = slot;
      else depths[slot] = depth;
    }
    this.#fewCount = kept;
  }

  #finish(depth: number, depths: Int32Array): void {
    if (this.#isMany) {
      writeBits(this.#bits, depth, depths);
      return;
    }
    for (let i = 0; i < this.#fewCount; i++) depths[this.#few[i] ?? 0] = depth;
  }

  #forEachMember(node: number, visit: (slot: number) => void): void {
    const { nodes, memberships } = this.#tree;
    let at = nodes.get(node, NODE.first);
    while (at !== NONE) {
      visit(memberships.get(at, OWNER));
      at = memberships.get(at, MEMBERSHIP.next);
    }
  }
}
