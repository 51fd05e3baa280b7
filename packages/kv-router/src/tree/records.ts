/** The two kinds of records of a block tree, and their fields behind the key. */

/** A node is owned by its parent, and its hash is that of its block. */
export const NODE = {
  /**
   * Its members: the first membership of their list, and how many there are. The row of bits of many; of one alone
   * its slot, as `soleMember` writes it, so that most nodes can be asked without looking elsewhere.
   */
  first: 3,
  members: 4,
  row: 5,
  children: 6,
  /** The child that came last. Most nodes have one only, and it is found without a table. */
  child: 7,
  words: 8,
} as const;

/** A membership is owned by its slot, and its hash is the name that the slot has for the block. */
export const MEMBERSHIP = {
  node: 3,
  /** Its neighbours in the list of the node's members. */
  next: 4,
  previous: 5,
  /** From here on there is room for what the tree's user keeps about each. */
  own: 6,
} as const;

/** A slot in the place of a row: below `NONE`, so that no row is meant. It is its own inverse. */
export function soleMember(slot: number): number {
  return -2 - slot;
}
