/**
 * A request inside the engine: its tokens as far as they are known, how many of them are computed, and the blocks
 * it holds for them.
 */
import { blockHashes, sequenceHashes } from "@dynamo/kv-router";
import type { BlockPool } from "./block-pool.ts";
import type { NamedBlock } from "./change-log.ts";
import { TokenSource } from "./token-source.ts";

export interface EngineRequest {
  readonly prompt: readonly number[];
  /** Tokens to generate, 1 at least. */
  readonly maxTokens: number;
  /** A token that ends the answer, and what it is called when it does. */
  readonly endingTokens: ReadonlyMap<number, "stop" | "eos">;
  /** Tokens before which no such token ends it. */
  readonly minTokens: number;
  readonly seed: number;
}

export type FinishReason = "length" | "stop" | "eos";

export class Sequence {
  readonly request: EngineRequest;
  /** Only a sequence that runs holds blocks. */
  state: "waiting" | "running" | "ended" = "waiting";
  /** Tokens of prompt and answer so far. */
  known: number;
  /** Of these, from the start, those whose keys and values are in the cache. */
  computed = 0;
  /** Tokens of the answer. */
  generated = 0;
  /** Tokens of the prompt that were in the cache when it began; `undefined` before. */
  cachedTokens: number | undefined;
  /** Set when its last token is made. */
  finishReason: FinishReason | undefined;
  /** Tokens that its reader hasn't taken yet. */
  unread = 0;

  readonly #pool: BlockPool;
  readonly #blockSize: number;
  readonly #source: TokenSource;
  /** Of the full blocks. */
  readonly #tokensHashes: bigint[];
  readonly #hashes: bigint[];
  /** Tokens behind the last full block. */
  #tail: number[];
  /** Blocks held by name, from the start. */
  #named = 0;
  /** Blocks held without. */
  #unnamed = 0;

  constructor(request: EngineRequest, pool: BlockPool, blockSize: number) {
    const { prompt, seed } = request;
    const tokens = blockHashes(prompt, blockSize);
    this.request = request;
    this.known = prompt.length;
    this.#pool = pool;
    this.#blockSize = blockSize;
    this.#source = new TokenSource(seed, prompt);
    this.#tokensHashes = Array.from(tokens);
    this.#hashes = Array.from(sequenceHashes(tokens));
    this.#tail = prompt.slice(tokens.length * blockSize);
  }

  /** Blocks that all known tokens need. */
  get blocksNeeded(): number {
    return Math.ceil(this.known / this.#blockSize);
  }

  get blocksHeld(): number {
    return this.#named + this.#unnamed;
  }

  /** What the cache has of it. The last token is computed anyway: what comes after it is wanted. */
  lookUp(): { readonly blocks: number; readonly idle: number; readonly tokens: number } {
    const match = this.#pool.match(this.#hashes);
    const most = Math.floor((this.known - 1) / this.#blockSize);
    return { ...match, tokens: Math.min(match.blocks, most) * this.#blockSize };
  }

  /** Takes the blocks that the cache has, and new ones for the rest. `tokens` of it are computed already. */
  enter(cached: { readonly blocks: number; readonly tokens: number }): void {
    for (let block = 0; block < cached.blocks; block++) this.#pool.share(this.#hashes[block] ?? 0n);
    this.state = "running";
    this.#named = cached.blocks;
    this.computed = cached.tokens;
    this.cachedTokens ??= cached.tokens;
    if (!this.grow()) throw new Error("a sequence entered a cache without room for it");
  }

  /** Blocks for all known tokens. `false` when there is no room for them. */
  grow(): boolean {
    const missing = this.blocksNeeded - this.blocksHeld;
    if (missing <= 0) return true;
    if (!this.#pool.take(missing)) return false;
    this.#unnamed += missing;
    return true;
  }

  /** So many tokens more are computed. Blocks that are full now get their names, when they are to be shared. */
  compute(tokens: number, share: boolean): void {
    this.computed += tokens;
    const full = Math.floor(this.computed / this.#blockSize);
    for (; share && this.#named < full; this.#named++, this.#unnamed--) {
      this.#pool.name(this.#block(this.#named));
    }
  }

  /** The next token of the answer, once all before it are computed. Sets `finishReason` when it is the last. */
  generate(maxLength: number): number {
    const token = this.#source.next();
    this.known += 1;
    this.generated += 1;
    this.#append(token);
    const { endingTokens, maxTokens, minTokens } = this.request;
    const ending = this.generated >= minTokens ? endingTokens.get(token) : undefined;
    const isFull = this.generated >= maxTokens || this.known >= maxLength;
    this.finishReason = ending ?? (isFull ? "length" : undefined);
    return token;
  }

  /** Gives up its blocks. Those with names stay in the cache as long as there is room. */
  leave(state: "waiting" | "ended"): void {
    this.state = state;
    this.#pool.giveBack(this.#unnamed);
    this.#pool.release(this.#hashes.slice(0, this.#named));
    this.#named = this.#unnamed = this.computed = 0;
  }

  #append(token: number): void {
    this.#tail.push(token);
    if (this.#tail.length < this.#blockSize) return;
    const [block = 0n] = blockHashes(this.#tail, this.#blockSize);
    const parent = this.#hashes.at(-1);
    const chain = sequenceHashes(BigUint64Array.from(parent === undefined ? [block] : [parent, block]));
    this.#tokensHashes.push(block);
    this.#hashes.push(chain.at(-1) ?? 0n);
    this.#tail = [];
  }

  #block(index: number): NamedBlock {
    return {
      hash: this.#hashes[index] ?? 0n,
      tokensHash: this.#tokensHashes[index] ?? 0n,
      parentHash: index === 0 ? undefined : this.#hashes[index - 1],
    };
  }
}
