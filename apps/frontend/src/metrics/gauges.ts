/**
 * Metrics that are read off the state of the frontend when somebody asks: requests under way, and the models with what
 * their cards say.
 */
import type { ModelCard } from "@dynamo/discovery";
import { Counter, Gauge } from "@prometheus-io/client";
import type { Registry } from "@prometheus-io/client";
import { contextLength } from "../model.ts";
import type { Model } from "../model.ts";
import type { ModelTallies, ModelTally } from "./model-tally.ts";

/** What the gauges show. */
export interface Observed {
  /** Every model that a worker has a card of. */
  all(): Iterable<Model>;
  /** Requests under way at workers. */
  readonly inFlight: number;
}

export function registerGauges(registry: Registry, prefix: string, { tallies, models }: Sources): void {
  for (const [name, help, read] of TALLIED) {
    const readings = () => readingsOf(tallies.entries(), ([model, tally]) => [model, read(tally)]);
    gaugeByModel(registry, { name: `${prefix}_${name}`, help }, readings);
  }
  for (const [name, help, read] of MODEL_FACTS) {
    const readings = () => readingsOf(models.all(), (model) => [model.name, read(model)]);
    gaugeByModel(registry, { name: `${prefix}_${name}`, help }, readings);
  }
  countOutput(registry, prefix, tallies);
  const inFlight: Gauge = new Gauge({
    name: "dynamo_request_plane_inflight_requests",
    help: "Requests that wait for a worker's answer or read it",
    registers: [registry],
    collect: () => inFlight.set(models.inFlight),
  });
}

export interface Sources {
  readonly tallies: ModelTallies;
  readonly models: Observed;
}

type Row<Source> = readonly [name: string, help: string, read: (source: Source) => number | undefined];

const TALLIED: readonly Row<ModelTally>[] = [
  ["inflight_requests", "Number of inflight requests", ({ active }) => active],
  [
    "active_requests",
    "Number of requests currently being handled by the frontend, from HTTP handler entry to response completion",
    ({ active }) => active,
  ],
  ["queued_requests", "Number of requests in HTTP processing queue", ({ queued }) => queued],
];

const card =
  (read: (card: ModelCard) => number | null | undefined) =>
  (model: Model): number | undefined => {
    const [first] = model.cards();
    return first && (read(first) ?? undefined);
  };

const MODEL_FACTS: readonly Row<Model>[] = [
  [
    "model_ready",
    "Whether the frontend can route at least one inference request for the model (1 = ready, 0 = not ready)",
    ({ isReady }) => (isReady ? 1 : 0),
  ],
  [
    "model_context_length",
    "Maximum context length in tokens for a worker serving the model",
    card(contextLength),
  ],
  [
    "model_kv_cache_block_size",
    "KV cache block size in tokens for a worker serving the model",
    card(({ kv_cache_block_size: size }) => size),
  ],
  [
    "model_migration_limit",
    "Maximum number of request migrations allowed for the model",
    card(({ migration_limit: limit }) => limit),
  ],
  [
    "model_total_kv_blocks",
    "Total KV cache blocks available for a worker serving the model",
    card(({ runtime_config: config }) => config?.total_kv_blocks),
  ],
  [
    "model_max_num_seqs",
    "Maximum number of sequences for a worker serving the model",
    card(({ runtime_config: config }) => config?.max_num_seqs),
  ],
  [
    "model_max_num_batched_tokens",
    "Maximum number of batched tokens for a worker serving the model",
    card(({ runtime_config: config }) => config?.max_num_batched_tokens),
  ],
];

type Reading = readonly [model: string, value: number | undefined];

/** A model that is gone has no series any more. */
function gaugeByModel(
  registry: Registry,
  names: { readonly name: string; readonly help: string },
  readings: () => Iterable<Reading>,
): void {
  const gauge = new Gauge({
    ...names,
    labelNames: ["model"] as const,
    registers: [registry],
    collect: () => {
      gauge.reset();
      for (const [model, value] of readings()) if (value !== undefined) gauge.set({ model }, value);
    },
  });
}

function countOutput(registry: Registry, prefix: string, tallies: ModelTallies): void {
  const counter = new Counter({
    name: `${prefix}_output_tokens_total`,
    help: "Total number of output tokens generated (updates in real-time)",
    labelNames: ["model"] as const,
    registers: [registry],
    collect: () => {
      counter.reset();
      for (const [model, { outputTokens }] of tallies.entries()) counter.inc({ model }, outputTokens);
    },
  });
}

function readingsOf<Item>(items: Iterable<Item>, read: (item: Item) => Reading): Reading[] {
  return Array.from(items, read);
}
