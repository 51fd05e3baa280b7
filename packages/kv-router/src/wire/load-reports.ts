/** What workers say about their load, `kv_metrics`. Source: interop notes, section D6. */
import { parseJson } from "@dynamo/request-plane-core";
import type { LoadReport } from "../workers.ts";
import { countOf, fieldsOf, optionalCount, protocolError, u64Of } from "./fields.ts";
import { unpack } from "./msgpack.ts";

/** The payload of an envelope (Dynamo 0.9 and later). Throws `protocol_error`. */
export function decodeLoadReport(payload: Uint8Array): LoadReport {
  const load = fieldsOf(unpack(payload, "KV metrics"), "KV metrics");
  const activeDecodeBlocks = optionalCount(load["active_decode_blocks"], "active_decode_blocks");
  const activePrefillTokens = optionalCount(load["active_prefill_tokens"], "active_prefill_tokens");
  const kvUsedBlocks = optionalCount(load["kv_used_blocks"], "kv_used_blocks");
  return {
    workerId: u64Of(load["worker_id"], "worker_id"),
    dpRank: countOf(load["dp_rank"] ?? 0, "dp_rank"),
    ...(activeDecodeBlocks !== undefined && { activeDecodeBlocks }),
    ...(activePrefillTokens !== undefined && { activePrefillTokens }),
    ...(kvUsedBlocks !== undefined && { kvUsedBlocks }),
  };
}

/** The message of a 0.7 worker. Throws `protocol_error`. */
export function decodeLoadReportJson(text: string): LoadReport {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw protocolError("KV metrics are no JSON", error);
  }
  const load = fieldsOf(value, "KV metrics");
  const data = fieldsOf(load["data"], "data of KV metrics");
  const stats = fieldsOf(data["kv_stats"], "kv_stats");
  const worker = fieldsOf(data["worker_stats"] ?? {}, "worker_stats");
  return {
    workerId: u64Of(load["worker_id"], "worker_id"),
    dpRank: optionalCount(worker["data_parallel_rank"], "data_parallel_rank") ?? 0,
    kvUsedBlocks: countOf(stats["kv_active_blocks"], "kv_active_blocks"),
  };
}
