/**
 * The workers of a model as the KV router knows them, from their cards.
 */
import type { ModelCard } from "@dynamo/discovery";
import type { Worker } from "@dynamo/kv-router";
import type { InstanceId } from "@dynamo/request-plane-core";
import type { Model, ModelEndpoint } from "../model.ts";

/** A worker that takes tokens, and where it is called. */
export interface KvWorker {
  readonly id: InstanceId;
  readonly card: ModelCard;
  readonly endpoint: ModelEndpoint;
}

/** The workers that take tokens. An id that serves the model on two endpoints counts once. */
export function kvWorkers(model: Model): ReadonlyMap<InstanceId, KvWorker> {
  const workers = new Map<InstanceId, KvWorker>();
  for (const endpoint of model.endpoints) {
    for (const [id, card] of endpoint.workers) {
      if (card.model_input === "Tokens" && !workers.has(id)) workers.set(id, { id, card, endpoint });
    }
  }
  return workers;
}

/** What the router has to know. Sizes that the card doesn't tell are absent. */
export function routerWorker({ id, card }: KvWorker): Worker {
  const { runtime_config: config = {} } = card;
  const totalKvBlocks = size(config.total_kv_blocks);
  const maxBatchedTokens = size(config.max_num_batched_tokens);
  return {
    workerId: id,
    dpSize: size(config.data_parallel_size) ?? 1,
    dpStart: size(config["data_parallel_start_rank"]) ?? 0,
    ...(totalKvBlocks !== undefined && { totalKvBlocks }),
    ...(maxBatchedTokens !== undefined && { maxBatchedTokens }),
  };
}

function size(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : undefined;
}
