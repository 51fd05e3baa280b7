/** What workers say about their load, `kv_metrics`. Source: interop notes, section D6. */
import { parseJson, stringifyJson } from "@dynamo/request-plane-core";
import type { LoadReport } from "../workers.ts";
import { countOf, fieldsOf, optionalCount, protocolError, u64Of } from "./fields.ts";
import { pack, unpack } from "./msgpack.ts";

/** What an engine knows of its load. 0.7 tells all of it, later releases what is in a {@link LoadReport}. */
export interface EngineLoad extends LoadReport {
  readonly totalKvBlocks?: number;
  readonly runningRequests?: number;
  readonly waitingRequests?: number;
  /** How many may run at the same time. */
  readonly maxRequests?: number;
}

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

/** The payload of an envelope, with the bytes of a 1.6.1 worker. */
export function encodeLoadReport({ workerId, dpRank, ...load }: LoadReport): Uint8Array {
  return pack({
    worker_id: workerId,
    dp_rank: dpRank,
    active_decode_blocks: load.activeDecodeBlocks ?? null,
    active_prefill_tokens: load.activePrefillTokens ?? null,
    kv_used_blocks: load.kvUsedBlocks ?? null,
  });
}

/** The message of a 0.7 worker. Hit rates are not told. */
export function encodeLoadReportJson({
  workerId,
  dpRank,
  kvUsedBlocks = 0,
  totalKvBlocks = 0,
  runningRequests = 0,
  waitingRequests = 0,
  maxRequests = 0,
}: EngineLoad): string {
  const worker_stats = {
    data_parallel_rank: dpRank,
    request_active_slots: runningRequests,
    request_total_slots: maxRequests,
    num_requests_waiting: waitingRequests,
  };
  const kv_stats = {
    kv_active_blocks: kvUsedBlocks,
    kv_total_blocks: totalKvBlocks,
    gpu_cache_usage_perc: totalKvBlocks > 0 ? kvUsedBlocks / totalKvBlocks : 0,
    gpu_prefix_cache_hit_rate: 0,
  };
  return stringifyJson({ worker_id: workerId, data: { worker_stats, kv_stats, spec_decode_stats: null } });
}
