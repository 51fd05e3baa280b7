/** Workers whose caches are full, for measuring indexes of their blocks. The same in every run. */
import type { KvEvent, Prompt } from "@dynamo/kv-router";

export const WORKERS = 1_000;
export const BLOCK_SIZE = 16;
/** Every worker holds the same first blocks, as of a system prompt, and conversations of its own behind them. */
export const SHARED_BLOCKS = 40;
const CONVERSATION_BLOCKS = 24;
const BLOCKS_PER_WORKER = 1_000;

let state = 1;
/** Numbers of 32 bits that are the same in every run (xorshift). */
export function random(): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
}

export function randomHashes(count: number): BigUint64Array {
  const words = Uint32Array.from({ length: count * 2 }, random);
  return new BigUint64Array(words.buffer);
}

export function promptOfHashes(hashes: BigUint64Array): Prompt {
  return { tokens: hashes.length * BLOCK_SIZE + 5, blockHashes: hashes, sequenceHashes: hashes };
}

export interface Fleet {
  readonly events: readonly KvEvent[];
  /** What to look for, and prompts of that kind. */
  readonly prompts: ReadonlyMap<string, readonly Prompt[]>;
}

export function fleet(): Fleet {
  const shared = randomHashes(SHARED_BLOCKS);
  const events: KvEvent[] = [];
  const conversations: Prompt[] = [];
  for (let worker = 0; worker < WORKERS; worker++) {
    const rank = { workerId: BigInt(worker), dpRank: 0 };
    let eventId = 1;
    const stored = (blockHashes: BigUint64Array, parentHash?: bigint): void => {
      const parent = parentHash === undefined ? {} : { parentHash };
      const change = { kind: "stored", ...parent, blockHashes, tokensHashes: blockHashes } as const;
      events.push({ ...rank, eventId: eventId++, change });
    };
    stored(shared);
    for (let held = SHARED_BLOCKS; held < BLOCKS_PER_WORKER; held += CONVERSATION_BLOCKS) {
      const own = randomHashes(CONVERSATION_BLOCKS);
      stored(own, shared.at(-1));
      conversations.push(promptOfHashes(BigUint64Array.of(...shared, ...own)));
    }
  }
  const unknown = Array.from({ length: 1_000 }, () =>
    promptOfHashes(randomHashes(SHARED_BLOCKS + CONVERSATION_BLOCKS)),
  );
  const prompts = new Map([
    ["a conversation that one worker has", conversations],
    ["a prompt that all workers have", [promptOfHashes(shared)]],
    ["a prompt that nobody has", unknown],
  ]);
  return { events, prompts };
}
