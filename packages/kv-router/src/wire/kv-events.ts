/**
 * KV events as Dynamo's workers publish them: the same fields in JSON (0.7, one event a message) and in msgpack
 * (1.0 and later, a list). Source: interop notes, sections D2 and D8; kv-verified notes, sections 1.4 and 2.3.
 */
import { parseJson, stringifyJson } from "@dynamo/request-plane-core";
import type { KvChange, KvEvent, StoredBlocks } from "../kv-event.ts";
import { countOf, fieldsOf, hashesOf, listOf, protocolError, textOf, u64Of } from "./fields.ts";
import type { Fields } from "./fields.ts";
import { pack, unpack, wholeNumber } from "./msgpack.ts";

/** The message of a 0.7 worker. Throws `protocol_error`. */
export function decodeKvEventJson(text: string): KvEvent {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw protocolError("A KV event is no JSON", error);
  }
  return kvEventFrom(value);
}

export function encodeKvEventJson(event: KvEvent): string {
  return stringifyJson(kvEventFields(event));
}

/** The payload of a `kv-events` envelope. Throws `protocol_error`. */
export function decodeKvEvents(payload: Uint8Array): KvEvent[] {
  return listOf(unpack(payload, "KV events"), "KV events").map(kvEventFrom);
}

/** The payload of a `kv-events` envelope, with the bytes of a 1.6.1 worker. */
export function encodeKvEvents(events: readonly KvEvent[]): Uint8Array {
  return pack(events.map(recentKvEventFields));
}

/** An event from the value that JSON or msgpack gave. */
export function kvEventFrom(value: unknown): KvEvent {
  const outer = fieldsOf(value, "KV event");
  const event = fieldsOf(outer["event"], "event of a KV event");
  const tier = outer["storage_tier"];
  return {
    workerId: u64Of(outer["worker_id"], "worker_id"),
    dpRank: countOf(event["dp_rank"] ?? 0, "dp_rank"),
    eventId: countOf(event["event_id"], "event_id"),
    change: changeFrom(event["data"]),
    ...(tier !== undefined && tier !== null && { storageTier: textOf(tier, "storage_tier") }),
  };
}

/** An event as 0.7 has it. */
function kvEventFields({ workerId, dpRank, eventId, change }: KvEvent): Fields {
  return { worker_id: workerId, event: { event_id: eventId, data: changeFields(change), dp_rank: dpRank } };
}

/** An event as JSON or msgpack take it, with what 1.6 writes. */
export function recentKvEventFields({ workerId, dpRank, eventId, change, storageTier }: KvEvent): Fields {
  return {
    worker_id: workerId,
    storage_tier: storageTier ?? "device",
    residency_domain: "worker",
    event: {
      event_id: wholeNumber(eventId),
      data: change.kind === "stored" ? recentStoredFields(change) : changeFields(change),
      dp_rank: dpRank,
    },
  };
}

function changeFrom(data: unknown): KvChange {
  if (data === "cleared") return { kind: "cleared" };
  const { stored, removed, cleared } = fieldsOf(data, "data of a KV event");
  if (stored !== undefined) return storedFrom(fieldsOf(stored, "stored"));
  if (removed !== undefined) {
    return {
      kind: "removed",
      blockHashes: hashesOf(fieldsOf(removed, "removed")["block_hashes"], "block_hashes"),
    };
  }
  if (cleared !== undefined) return { kind: "cleared" };
  throw protocolError("A KV event is none of stored, removed and cleared");
}

function storedFrom(stored: Fields): KvChange {
  const blocks = listOf(stored["blocks"], "blocks");
  const blockHashes = new BigUint64Array(blocks.length);
  const tokensHashes = new BigUint64Array(blocks.length);
  for (let at = 0; at < blocks.length; at++) {
    const block = fieldsOf(blocks[at], "block");
    blockHashes[at] = u64Of(block["block_hash"], "block_hash");
    tokensHashes[at] = u64Of(block["tokens_hash"], "tokens_hash");
  }
  const parent = stored["parent_hash"];
  const parentHash = parent === null || parent === undefined ? undefined : u64Of(parent, "parent_hash");
  return { kind: "stored", ...(parentHash !== undefined && { parentHash }), blockHashes, tokensHashes };
}

function recentStoredFields({ parentHash, blockHashes, tokensHashes }: StoredBlocks): unknown {
  const blocks = Array.from(blockHashes, (block_hash, at) => ({
    block_hash,
    tokens_hash: tokensHashes[at] ?? 0n,
    mm_extra_info: null,
  }));
  return { stored: { parent_hash: parentHash ?? null, start_position: null, blocks } };
}

function changeFields(change: KvChange): unknown {
  switch (change.kind) {
    case "stored": {
      const { parentHash = null, blockHashes, tokensHashes } = change;
      const blocks = Array.from(blockHashes, (block_hash, at) => ({
        block_hash,
        tokens_hash: tokensHashes[at] ?? 0n,
      }));
      return { stored: { parent_hash: parentHash, blocks } };
    }
    case "removed":
      return { removed: { block_hashes: Array.from(change.blockHashes) } };
    case "cleared":
      return "cleared";
  }
}
