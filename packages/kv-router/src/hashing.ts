/**
 * Hashes as Dynamo computes them, so that they match those in the workers' events.
 * Source: interop notes, section D1; lib/kv-router/src/protocols.rs of ai-dynamo/dynamo at 2a6da14c8.
 */
import { xxh3 } from "@node-rs/xxhash";
import { RequestPlaneError } from "@dynamo/request-plane-core";

const SEED = 1337n;
const U64 = (1n << 64n) - 1n;

export interface BlockHashOptions {
  /** Name of the LoRA adapter, which keeps its blocks apart from those of the base model. Dynamo 1.0 and later. */
  readonly loraName?: string;
}

/**
 * One hash for each full block of `blockSize` tokens (unsigned 32-bit); what is left at the end has none.
 * In events they are the `tokens_hash`.
 */
export function blockHashes(
  tokens: ArrayLike<number>,
  blockSize: number,
  options: BlockHashOptions = {},
): BigUint64Array {
  checkBlockSize(blockSize);
  const seed = seedOf(options.loraName);
  const hashes = new BigUint64Array(Math.floor(tokens.length / blockSize));
  const bytes = Buffer.alloc(blockSize * 4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let token = 0;
  for (let block = 0; block < hashes.length; block++) {
    for (let at = 0; at < bytes.length; at += 4) view.setUint32(at, tokens[token++] ?? 0, true);
    hashes[block] = xxh3.xxh64(bytes, seed);
  }
  return hashes;
}

/**
 * One hash for each block together with everything before it. Routers count active blocks by them, and the
 * mocker and some engines name their blocks by them (`block_hash` in events).
 */
export function sequenceHashes(blocks: BigUint64Array): BigUint64Array {
  const hashes = new BigUint64Array(blocks.length);
  const bytes = Buffer.alloc(16);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let parent = blocks[0] ?? 0n;
  if (blocks.length > 0) hashes[0] = parent;
  for (let block = 1; block < blocks.length; block++) {
    view.setBigUint64(0, parent, true);
    view.setBigUint64(8, blocks[block] ?? 0n, true);
    parent = xxh3.xxh64(bytes, SEED);
    hashes[block] = parent;
  }
  return hashes;
}

/** Throws `invalid_configuration` for what is no number of tokens. */
export function checkBlockSize(blockSize: number): void {
  if (Number.isSafeInteger(blockSize) && blockSize > 0) return;
  const message = `blockSize is ${blockSize}, but has to be a whole number of tokens above 0`;
  throw new RequestPlaneError("invalid_configuration", message, { facts: { setting: "blockSize" } });
}

function seedOf(loraName: string | undefined): bigint {
  return loraName ? (SEED + xxh3.xxh64(loraName)) & U64 : SEED;
}
