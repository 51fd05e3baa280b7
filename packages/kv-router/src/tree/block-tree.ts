import { HIGH_HALF, KeyedRecords, LOW_HALF, NONE, OWNER } from "./keyed-records.ts";
import { MemberSets } from "./member-sets.ts";
import { RecordIndex } from "./record-index.ts";
import { MEMBERSHIP, NODE } from "./records.ts";

export { NONE } from "./keyed-records.ts";

/** The node before every first block. */
export const ROOT = 0;

export interface BlockTreeOptions {
  /** Blocks to have room for at once. More is fine, and costs a moment whenever the room grows. */
  readonly size?: number;
  /** Words that the user keeps about each membership, in its fields from `MEMBERSHIP.own` on. */
  readonly ownFields?: number;
  /** Called before a membership goes away. */
  readonly onRemove?: (membership: number) => void;
}

/**
 * A tree of blocks and who holds them. A path from the root is a sequence of block hashes; a membership says
 * that a slot (a worker's rank) holds the block at a node, under a name of the slot's own choice.
 *
 * Nodes and memberships are numbers of records, so that millions of them are a few arrays. A node lives as long
 * as somebody is on it or below it.
 */
export class BlockTree {
  readonly nodes: KeyedRecords;
  readonly memberships: KeyedRecords;
  readonly members: MemberSets;
  readonly #byPath: RecordIndex;
  readonly #bySlot: (RecordIndex | undefined)[] = [];
  readonly #onRemove: ((membership: number) => void) | undefined;

  constructor({ size = 1024, ownFields = 0, onRemove }: BlockTreeOptions = {}) {
    this.nodes = new KeyedRecords(NODE.words, size);
    this.memberships = new KeyedRecords(MEMBERSHIP.own + ownFields, size);
    this.members = new MemberSets(this.nodes, this.memberships);
    this.#byPath = new RecordIndex(this.nodes);
    this.#onRemove = onRemove;
    this.#addNode(NONE, 0, 0); // the root
  }

  /** Memberships: blocks times those who hold them. */
  get size(): number {
    return this.memberships.count;
  }

  /** Different blocks. */
  get nodeCount(): number {
    return this.nodes.count - 1;
  }

  /** Memory of the records and tables. */
  get bytes(): number {
    const records = this.nodes.data.byteLength + this.memberships.data.byteLength;
    const tables = this.#bySlot.reduce((sum, index) => sum + (index?.bytes ?? 0), this.#byPath.bytes);
    return records + tables + this.members.rows.words.byteLength;
  }

  sizeOf(slot: number): number {
    return this.#bySlot[slot]?.count ?? 0;
  }

  /** The node below `parent` for a block, `NONE` when nobody has it. */
  child(parent: number, low: number, high: number): number {
    const { data, stride } = this.nodes;
    const child = data[parent * stride + NODE.child] ?? NONE;
    if (child !== NONE) {
      const key = child * stride;
      if (data[key + LOW_HALF] === low && data[key + HIGH_HALF] === high) return child;
    }
    return this.#byPath.find(parent, low, high);
  }

  /** The slot's membership by the slot's name for the block. */
  find(slot: number, low: number, high: number): number {
    return this.#bySlot[slot]?.find(slot, low, high) ?? NONE;
  }

  nodeOf(membership: number): number {
    return this.memberships.get(membership, MEMBERSHIP.node);
  }

  /** All memberships of a slot, in no order. Nothing may change meanwhile. */
  membershipsOf(slot: number): Iterable<number> {
    return this.#bySlot[slot] ?? [];
  }

  /** The node below `parent` for a block, made when it isn't there. Put a member on it, or it stays for ever. */
  grow(parent: number, low: number, high: number): number {
    const found = this.child(parent, low, high);
    if (found !== NONE) return found;
    const node = this.#addNode(parent, low, high);
    this.#byPath.add(node);
    this.nodes.set(parent, NODE.children, this.nodes.get(parent, NODE.children) + 1);
    this.nodes.set(parent, NODE.child, node);
    return node;
  }

  /**
   * Says that the slot holds the block at a node, under this name. A slot's name stands for one block and a
   * block has one name in a slot: what was said before about either no longer holds.
   */
  put(slot: number, node: number, low: number, high: number): number {
    const index = (this.#bySlot[slot] ??= new RecordIndex(this.memberships));
    const known = index.find(slot, low, high);
    if (known !== NONE) {
      this.#move(known, node);
      return known;
    }
    const renamed = this.members.find(node, slot);
    const membership = this.memberships.add(slot, low, high);
    this.memberships.set(membership, MEMBERSHIP.node, node);
    index.add(membership);
    this.members.link(node, membership);
    if (renamed !== NONE) this.remove(renamed);
    return membership;
  }

  remove(membership: number): void {
    this.#bySlot[this.memberships.get(membership, OWNER)]?.delete(membership);
    this.#drop(membership);
  }

  /** Takes a slot off all its nodes. */
  clear(slot: number): void {
    const index = this.#bySlot[slot];
    this.#bySlot[slot] = undefined;
    if (index) for (const membership of index) this.#drop(membership);
  }

  #addNode(parent: number, low: number, high: number): number {
    const node = this.nodes.add(parent, low, high);
    this.nodes.set(node, NODE.first, NONE);
    this.nodes.set(node, NODE.members, 0);
    this.nodes.set(node, NODE.row, NONE);
    this.nodes.set(node, NODE.children, 0);
    this.nodes.set(node, NODE.child, NONE);
    return node;
  }

  #move(membership: number, node: number): void {
    const before = this.nodeOf(membership);
    if (before === node) return;
    const renamed = this.members.find(node, this.memberships.get(membership, OWNER));
    this.members.unlink(before, membership);
    this.memberships.set(membership, MEMBERSHIP.node, node);
    this.members.link(node, membership);
    if (renamed !== NONE) this.remove(renamed);
    this.#prune(before);
  }

  #drop(membership: number): void {
    this.#onRemove?.(membership);
    const node = this.nodeOf(membership);
    this.members.unlink(node, membership);
    this.memberships.free(membership);
    this.#prune(node);
  }

  /** Frees a node that nobody needs any more, and those above it that were there for it alone. */
  #prune(node: number): void {
    const { nodes } = this;
    while (node !== ROOT && nodes.get(node, NODE.children) === 0 && nodes.get(node, NODE.members) === 0) {
      const parent = nodes.get(node, OWNER);
      this.#byPath.delete(node);
      nodes.free(node);
      nodes.set(parent, NODE.children, nodes.get(parent, NODE.children) - 1);
      if (nodes.get(parent, NODE.child) === node) nodes.set(parent, NODE.child, NONE);
      node = parent;
    }
  }
}
