import type { KvChange } from "@dynamo/kv-router";

/** A block that has a name, as routers hear of it. */
export interface NamedBlock {
  /** Hash of the block together with everything before it: its name in events. */
  readonly hash: bigint;
  /** Hash of the block's own tokens. */
  readonly tokensHash: bigint;
  /** Name of the block before; `undefined` for the first one of a sequence. */
  readonly parentHash: bigint | undefined;
}

/** What happened to the cache since it was last asked. Neighbours of one kind become one change. */
export class ChangeLog {
  #changes: KvChange[] = [];
  #stored: NamedBlock[] = [];
  #removed: bigint[] = [];

  stored(block: NamedBlock): void {
    if (this.#removed.length > 0) this.#close();
    const last = this.#stored.at(-1);
    if (last && last.hash !== block.parentHash) this.#close();
    this.#stored.push(block);
  }

  removed(hash: bigint): void {
    if (this.#stored.length > 0) this.#close();
    this.#removed.push(hash);
  }

  /** All of them, in the order in which they happened. */
  take(): KvChange[] {
    this.#close();
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  #close(): void {
    const [first] = this.#stored;
    if (first) {
      this.#changes.push({
        kind: "stored",
        ...(first.parentHash !== undefined && { parentHash: first.parentHash }),
        blockHashes: BigUint64Array.from(this.#stored, ({ hash }) => hash),
        tokensHashes: BigUint64Array.from(this.#stored, ({ tokensHash }) => tokensHash),
      });
    }
    if (this.#removed.length > 0) {
      this.#changes.push({ kind: "removed", blockHashes: BigUint64Array.from(this.#removed) });
    }
    this.#stored = [];
    this.#removed = [];
  }
}
