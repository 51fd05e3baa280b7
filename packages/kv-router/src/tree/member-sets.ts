import { BitRows } from "./bit-rows.ts";
import { NONE, OWNER } from "./keyed-records.ts";
import type { KeyedRecords } from "./keyed-records.ts";
import { MEMBERSHIP, NODE, soleMember } from "./records.ts";
import { writeBits } from "./write-depths.ts";

/** With this many members a node gets a bit for each slot as well, and keeps them down to a few. */
const MANY = 16;
const FEW = 8;

/**
 * Which slots are on which node: a linked list of memberships for every node, and a row of bits for those with
 * many. Most nodes have one member; those of a common system prompt have all, and are compared by words.
 */
export class MemberSets {
  readonly rows = new BitRows();
  readonly #nodes: KeyedRecords;
  readonly #memberships: KeyedRecords;

  constructor(nodes: KeyedRecords, memberships: KeyedRecords) {
    this.#nodes = nodes;
    this.#memberships = memberships;
  }

  /** The membership of a slot on a node. */
  find(node: number, slot: number): number {
    return this.has(node, slot) ? this.#search(node, slot) : NONE;
  }

  has(node: number, slot: number): boolean {
    const row = this.#nodes.get(node, NODE.row);
    if (row === NONE) return this.#search(node, slot) !== NONE;
    return row < NONE ? row === soleMember(slot) : this.rows.has(row, slot);
  }

  count(node: number): number {
    return this.#nodes.get(node, NODE.members);
  }

  /** Writes a depth for all members of a node. */
  writeDepth(node: number, depth: number, depths: Int32Array): void {
    const row = this.#nodes.get(node, NODE.row);
    if (row > NONE) {
      const { words, width } = this.rows;
      writeBits(words.subarray(row * width, (row + 1) * width), depth, depths);
      return;
    }
    let at = this.#nodes.get(node, NODE.first);
    while (at !== NONE) {
      depths[this.#memberships.get(at, OWNER)] = depth;
      at = this.#memberships.get(at, MEMBERSHIP.next);
    }
  }

  link(node: number, membership: number): void {
    const nodes = this.#nodes;
    const first = nodes.get(node, NODE.first);
    this.#memberships.set(membership, MEMBERSHIP.next, first);
    this.#memberships.set(membership, MEMBERSHIP.previous, NONE);
    if (first !== NONE) this.#memberships.set(first, MEMBERSHIP.previous, membership);
    nodes.set(node, NODE.first, membership);
    const count = nodes.get(node, NODE.members) + 1;
    nodes.set(node, NODE.members, count);
    const row = nodes.get(node, NODE.row);
    if (row > NONE) this.rows.add(row, this.#memberships.get(membership, OWNER));
    else if (count >= MANY) this.#addRow(node);
    else if (count <= 2) this.#noteSole(node, count);
  }

  unlink(node: number, membership: number): void {
    const nodes = this.#nodes;
    const next = this.#memberships.get(membership, MEMBERSHIP.next);
    const previous = this.#memberships.get(membership, MEMBERSHIP.previous);
    if (previous === NONE) nodes.set(node, NODE.first, next);
    else this.#memberships.set(previous, MEMBERSHIP.next, next);
    if (next !== NONE) this.#memberships.set(next, MEMBERSHIP.previous, previous);
    const count = nodes.get(node, NODE.members) - 1;
    nodes.set(node, NODE.members, count);
    const row = nodes.get(node, NODE.row);
    if (row > NONE && count > FEW) {
      this.rows.delete(row, this.#memberships.get(membership, OWNER));
      return;
    }
    if (row > NONE) {
      this.rows.free(row);
      nodes.set(node, NODE.row, NONE);
    }
    if (count <= 1) this.#noteSole(node, count);
  }

  #noteSole(node: number, count: number): void {
    const first = this.#nodes.get(node, NODE.first);
    const sole = count === 1 ? soleMember(this.#memberships.get(first, OWNER)) : NONE;
    this.#nodes.set(node, NODE.row, sole);
  }

  #search(node: number, slot: number): number {
    const { data, stride } = this.#memberships;
    let at = this.#nodes.get(node, NODE.first);
    while (at !== NONE && data[at * stride + OWNER] !== slot)
      at = data[at * stride + MEMBERSHIP.next] ?? NONE;
    return at;
  }

  #addRow(node: number): void {
    const row = this.rows.allocate();
    this.#nodes.set(node, NODE.row, row);
    let at = this.#nodes.get(node, NODE.first);
    while (at !== NONE) {
      this.rows.add(row, this.#memberships.get(at, OWNER));
      at = this.#memberships.get(at, MEMBERSHIP.next);
    }
  }
}
