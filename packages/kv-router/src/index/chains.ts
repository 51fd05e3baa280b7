import { join } from "../hashes.ts";
import type { StoredBlocks } from "../kv-event.ts";
import { NONE, ROOT } from "../tree/block-tree.ts";
import type { BlockTree } from "../tree/block-tree.ts";
import { HIGH_HALF, LOW_HALF, OWNER } from "../tree/keyed-records.ts";
import type { KeyedRecords } from "../tree/keyed-records.ts";

/** Everything that a slot holds, as chains of blocks, each after the one that it hangs on. */
export function* chainsOf(tree: BlockTree, slot: number): Generator<StoredBlocks> {
  const { nodes, memberships } = tree;
  const unsaid = new Map<number, number>();
  for (const membership of tree.membershipsOf(slot)) unsaid.set(tree.nodeOf(membership), membership);
  const said = new Map<number, number>([[ROOT, NONE]]);
  const inner = new Set(Array.from(unsaid.keys(), (node) => nodes.get(node, OWNER)));
  const ends = [...unsaid.keys()].filter((node) => !inner.has(node));

  // From each end up to what was said already: all blocks are on such a way.
  for (const start of ends) {
    const path: number[] = [];
    let node = start;
    for (; unsaid.has(node); node = nodes.get(node, OWNER)) path.push(node);
    path.reverse();
    const chain = path.map((at) => unsaid.get(at) ?? NONE);
    for (const at of path) unsaid.delete(at);
    const parent = said.get(node);
    if (parent === undefined) continue; // behind a gap
    for (const [index, at] of path.entries()) said.set(at, chain[index] ?? NONE);
    yield {
      kind: "stored",
      ...(parent !== NONE && { parentHash: hashOf(memberships, parent) }),
      blockHashes: BigUint64Array.from(chain, (membership) => hashOf(memberships, membership)),
      tokensHashes: BigUint64Array.from(path, (at) => hashOf(nodes, at)),
    };
  }
}

function hashOf(records: KeyedRecords, record: number): bigint {
  return join(records.get(record, LOW_HALF), records.get(record, HIGH_HALF));
}
