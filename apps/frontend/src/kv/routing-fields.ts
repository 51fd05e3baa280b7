/**
 * What a response tells about its routing in `nvext`, when `nvext.extra_fields` asks for it.
 *
 * Source: kv-verified notes, section 1.5. `routing` is this frontend's own.
 */
import type { RoutingExplanation } from "@dynamo/kv-router";
import type { InstanceId } from "@dynamo/request-plane-core";
import type { RoutingDecision } from "../routed-request.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Moments of a request, in milliseconds since the epoch. */
export interface RequestMoments {
  readonly received: number;
  /** When the worker was chosen. */
  readonly sent: number;
  readonly firstToken: number;
}

/** `worker_id`: one worker does both here, prefill and decode. Ranks are told where the router chose them. */
export function workerIdField(worker: InstanceId, { dpRank }: RoutingDecision): Fields {
  return {
    prefill_worker_id: worker,
    ...(dpRank !== undefined && { prefill_dp_rank: dpRank }),
    decode_worker_id: worker,
    ...(dpRank !== undefined && { decode_dp_rank: dpRank }),
  };
}

/** `timing`, at the end of the response. There is no queue in this router. */
export function timingField(moments: RequestMoments, decision: RoutingDecision, now = Date.now()): Fields {
  const { received, sent, firstToken } = moments;
  const { overlapBlocks, promptBlocks } = decision;
  const isKv = overlapBlocks !== undefined && promptBlocks !== undefined;
  return {
    request_received_ms: received,
    prefill_wait_time_ms: sent - received,
    prefill_time_ms: firstToken - sent,
    ttft_ms: firstToken - received,
    total_time_ms: now - received,
    ...(isKv && {
      kv_hit_rate: promptBlocks === 0 ? 0 : overlapBlocks / promptBlocks,
      router_queue_depth: 0,
    }),
  };
}

/** `routing`: the score of each worker, the best first, and why this one. */
export function routingField({ explanation }: RoutingDecision): Fields | undefined {
  return explanation && fieldsOf(explanation);
}

function fieldsOf({ tokens, blocks, temperature, chosen, how, ...rest }: RoutingExplanation): Fields {
  const candidates = [...rest.candidates].sort((a, b) => a.cost - b.cost);
  return {
    prompt_tokens: tokens,
    prompt_blocks: blocks,
    temperature,
    worker_id: chosen.workerId,
    dp_rank: chosen.dpRank,
    how,
    candidates: candidates.map((candidate) => ({
      worker_id: candidate.workerId,
      dp_rank: candidate.dpRank,
      cost: candidate.cost,
      ...(candidate.chance !== undefined && { chance: candidate.chance }),
      overlap_blocks: candidate.overlapBlocks,
      active_decode_blocks: candidate.decodeBlocks,
      active_prefill_tokens: candidate.prefillTokens,
      active_requests: candidate.requests,
    })),
    left_out: rest.leftOut.map(({ workerId, dpRank, why }) => ({
      worker_id: workerId,
      dp_rank: dpRank,
      why,
    })),
  };
}
