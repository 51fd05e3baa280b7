import { halves, HIGH, LOW, split } from "../hashes.ts";
import type { KvEvent, RemovedBlocks, StoredBlocks } from "../kv-event.ts";
import { BlockTree, NONE, ROOT } from "../tree/block-tree.ts";
import { Matcher } from "../tree/matcher.ts";
import type { WorkerRank, WorkerSlots } from "../worker-slots.ts";
import { chainsOf } from "./chains.ts";
import type { OverlapIndex } from "./overlap-index.ts";

export interface PrefixIndexOptions {
  /** Block entries to have room for from the start, 1,024 unless told. */
  readonly expectedBlocks?: number;
  /** Whom a `cleared` event clears: its `rank`, as from Dynamo 1.0 on (default), or all ranks of its `worker`, as in 0.7. */
  readonly clearedScope?: "rank" | "worker";
}

/**
 * What became of an event. `unknown_parent`: the block before isn't known for that rank, and nothing was
 * stored. `unknown_block`: some of the blocks to remove were not there; the others are removed. `other_tier`:
 * not about the GPU's memory, and ignored.
 */
export type ApplyOutcome = "applied" | "unknown_parent" | "unknown_block" | "other_tier";

/**
 * The exact index: what workers say in their events.
 *
 * Blocks are found by the hashes of their tokens, whatever the engine calls them. Overlap counts without gaps,
 * as in Dynamo from 1.0 on. When a block in the middle goes and comes back, what is behind counts again; Dynamo
 * 1.6.1 may have dropped it. Source: interop notes, section D4; README.md in lib/kv-router/src/indexer of
 * ai-dynamo/dynamo at 00d671a0.
 */
export class PrefixIndex implements OverlapIndex {
  readonly #slots: WorkerSlots;
  readonly #tree: BlockTree;
  readonly #matcher: Matcher;
  readonly #clearsWorker: boolean;

  constructor(slots: WorkerSlots, options: PrefixIndexOptions = {}) {
    const { expectedBlocks, clearedScope = "rank" } = options;
    this.#slots = slots;
    this.#tree = new BlockTree(expectedBlocks === undefined ? {} : { size: expectedBlocks });
    this.#matcher = new Matcher(this.#tree);
    this.#clearsWorker = clearedScope === "worker";
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

  apply({ workerId, dpRank, change, storageTier = "device" }: KvEvent): ApplyOutcome {
    if (storageTier !== "device") return "other_tier";
    switch (change.kind) {
      case "stored":
        return this.#store(this.#slots.take(workerId, dpRank), change);
      case "removed":
        return this.#remove(this.#slots.find(workerId, dpRank), change);
      case "cleared":
        this.#clear({ workerId, dpRank });
        return "applied";
    }
  }

  match(blockHashes: BigUint64Array, depths: Int32Array): void {
    this.#matcher.match(blockHashes, depths);
  }

  sizeOf(slot: number): number {
    return this.#tree.sizeOf(slot);
  }

  clear(slot: number): void {
    this.#tree.clear(slot);
  }

  /**
   * Events that bring another index to where this one is. Their ids count from 1 for each rank. Blocks behind a
   * gap are left out: they count for nothing, and no event could say where they are.
   *
   * @param workers only those; all unless told.
   */
  *dump(workers?: Iterable<WorkerRank>): Generator<KvEvent> {
    for (const slot of this.#slotsOf(workers)) {
      const rank = this.#slots.at(slot);
      if (!rank) continue;
      let eventId = 1;
      for (const change of chainsOf(this.#tree, slot)) yield { ...rank, eventId: eventId++, change };
    }
  }

  #store(slot: number, { parentHash, blockHashes, tokensHashes }: StoredBlocks): ApplyOutcome {
    const tree = this.#tree;
    let node: number = ROOT;
    if (parentHash !== undefined) {
      const parent = split(parentHash);
      const membership = tree.find(slot, parent[LOW] ?? 0, parent[HIGH] ?? 0);
      if (membership === NONE) return "unknown_parent";
      node = tree.nodeOf(membership);
    }
    const names = halves(blockHashes);
    const tokens = halves(tokensHashes);
    for (let at = 0; at < names.length; at += 2) {
      node = tree.grow(node, tokens[at + LOW] ?? 0, tokens[at + HIGH] ?? 0);
      tree.put(slot, node, names[at + LOW] ?? 0, names[at + HIGH] ?? 0);
    }
    return "applied";
  }

  #remove(slot: number | undefined, { blockHashes }: RemovedBlocks): ApplyOutcome {
    if (slot === undefined) return "unknown_block";
    let outcome: ApplyOutcome = "applied";
    const names = halves(blockHashes);
    for (let at = 0; at < names.length; at += 2) {
      const membership = this.#tree.find(slot, names[at + LOW] ?? 0, names[at + HIGH] ?? 0);
      if (membership === NONE) outcome = "unknown_block";
      else this.#tree.remove(membership);
    }
    return outcome;
  }

  #clear({ workerId, dpRank }: WorkerRank): void {
    if (this.#clearsWorker) {
      for (const slot of this.#slots.ofWorker(workerId)) this.clear(slot);
      return;
    }
    const slot = this.#slots.find(workerId, dpRank);
    if (slot !== undefined) this.clear(slot);
  }

  #slotsOf(workers: Iterable<WorkerRank> | undefined): Iterable<number> {
    if (!workers) return Array.from({ length: this.#slots.limit }, (_, slot) => slot);
    const slots = Array.from(workers, ({ workerId, dpRank }) => this.#slots.find(workerId, dpRank));
    return slots.filter((slot) => slot !== undefined);
  }
}
