import type { KvEvent } from "../../src/kv-event.ts";

/** The prefix index as plainly as it can be written: maps of texts. */
export class PlainIndex {
  /** By rank: the paths of its blocks by their names, and the other way round. */
  readonly #ranks = new Map<string, { paths: Map<bigint, string>; names: Map<string, bigint> }>();

  apply({ workerId, dpRank, change }: KvEvent): void {
    const { paths, names } = this.#rank(workerId, dpRank);
    if (change.kind === "cleared") {
      this.#ranks.delete(`${workerId}/${dpRank}`);
    } else if (change.kind === "removed") {
      for (const name of change.blockHashes) {
        const path = paths.get(name);
        if (path === undefined) continue;
        paths.delete(name);
        names.delete(path);
      }
    } else {
      let path = change.parentHash === undefined ? "" : paths.get(change.parentHash);
      if (path === undefined) return;
      for (const [at, name] of change.blockHashes.entries()) {
        path += `/${change.tokensHashes[at]}`;
        const before = paths.get(name);
        if (before !== undefined) names.delete(before);
        const other = names.get(path);
        if (other !== undefined) paths.delete(other);
        paths.set(name, path);
        names.set(path, name);
      }
    }
  }

  /** Blocks of the sequence that a rank holds from the first one on. */
  depth(workerId: bigint, dpRank: number, sequence: BigUint64Array): number {
    const { names } = this.#rank(workerId, dpRank);
    let path = "";
    for (const [at, hash] of sequence.entries()) {
      path += `/${hash}`;
      if (!names.has(path)) return at;
    }
    return sequence.length;
  }

  get size(): number {
    return [...this.#ranks.values()].reduce((sum, { names }) => sum + names.size, 0);
  }

  #rank(workerId: bigint, dpRank: number): { paths: Map<bigint, string>; names: Map<string, bigint> } {
    const key = `${workerId}/${dpRank}`;
    let rank = this.#ranks.get(key);
    if (!rank) this.#ranks.set(key, (rank = { paths: new Map(), names: new Map() }));
    return rank;
  }
}
