/**
 * Events as vLLM publishes them itself, over ZMQ: the third frame of `[topic, number, batch]`.
 * Source: interop notes, section D8; lib/kv-router/src/zmq_wire of ai-dynamo/dynamo at 0917ca25.
 */
import { blockHashes } from "../hashing.ts";
import type { KvChange } from "../kv-event.ts";
import { countOf, fieldsOf, hashesOf, listOf, protocolError, textOf, u64Of } from "./fields.ts";
import type { Fields } from "./fields.ts";
import { unpack } from "./msgpack.ts";

export interface EngineBatch {
  /** Seconds, on the engine's clock. */
  readonly timestamp: number;
  /** The rank that the batch is from, if the engine says so. */
  readonly dpRank?: number;
  readonly changes: readonly EngineChange[];
}

export interface EngineChange {
  readonly change: KvChange;
  readonly storageTier: string;
}

/** Positions of fields in an event that is written as a list. */
const STORED = [
  "type",
  "block_hashes",
  "parent_block_hash",
  "token_ids",
  "block_size",
  "lora_id",
  "medium",
  "lora_name",
];
const REMOVED = ["type", "block_hashes", "medium"];

/**
 * Reads a batch. Blocks of another size than the router's are left out, as Dynamo does; so are events about
 * caches on other machines, and kinds of events that are not known.
 *
 * Throws `protocol_error`.
 */
export function decodeEngineBatch(bytes: Uint8Array, blockSize: number): EngineBatch {
  const [timestamp, events, rank] = listOf(unpack(bytes, "Engine events"), "Engine events");
  return {
    timestamp: typeof timestamp === "bigint" ? Number(timestamp) : Number(timestamp),
    ...(rank !== undefined && rank !== null && { dpRank: countOf(rank, "data_parallel_rank") }),
    changes: listOf(events, "events").flatMap((event) => changeOf(namedFields(event), blockSize) ?? []),
  };
}

function namedFields(event: unknown): Fields {
  if (!Array.isArray(event)) return fieldsOf(event, "engine event");
  const names = event[0] === "BlockStored" ? STORED : REMOVED;
  return Object.fromEntries(names.map((name, at) => [name, event[at] as unknown]));
}

function changeOf(event: Fields, blockSize: number): EngineChange | undefined {
  const locality = event["locality"];
  if (locality !== undefined && locality !== null && locality !== "LOCAL") return undefined;
  const storageTier = tierOf(event["medium"]);
  switch (event["type"]) {
    case "BlockStored": {
      const change = storedOf(event, blockSize);
      return change && { change, storageTier };
    }
    case "BlockRemoved":
      return { change: { kind: "removed", blockHashes: namesOf(event) }, storageTier };
    case "AllBlocksCleared":
      return { change: { kind: "cleared" }, storageTier };
    default:
      return undefined;
  }
}

function storedOf(event: Fields, blockSize: number): KvChange | undefined {
  if (countOf(event["block_size"], "block_size") !== blockSize) return undefined;
  const tokens = listOf(event["token_ids"], "token_ids").map((token) => countOf(token, "token_ids"));
  const lora = event["lora_name"];
  const loraName = lora === undefined || lora === null ? {} : { loraName: textOf(lora, "lora_name") };
  const names = namesOf(event);
  const tokensHashes = blockHashes(tokens, blockSize, loraName).subarray(0, names.length);
  const parent = event["parent_block_hash"];
  const parentHash = parent === undefined || parent === null ? undefined : u64Of(parent, "parent_block_hash");
  return {
    kind: "stored",
    ...(parentHash !== undefined && { parentHash }),
    blockHashes: names.subarray(0, tokensHashes.length),
    tokensHashes,
  };
}

function namesOf(event: Fields): BigUint64Array {
  const hashes = event["block_hashes"];
  if (Array.isArray(hashes) && hashes.some((hash) => hash instanceof Uint8Array)) {
    throw protocolError("block_hashes are bytes; set the engine to 64-bit hashes");
  }
  return hashesOf(hashes, "block_hashes");
}

function tierOf(medium: unknown): string {
  if (medium === undefined || medium === null || medium === "GPU") return "device";
  return textOf(medium, "medium").toLowerCase();
}
