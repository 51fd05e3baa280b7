/**
 * The metrics that requests write to. Names, labels, buckets and help are those of Dynamo's frontend, so that its
 * dashboards and alerts work.
 *
 * Source: `/metrics` of Dynamo 1.6.1, and lib/llm/src/http/service/metrics.rs of ai-dynamo/dynamo for what a frontend
 * without traffic doesn't show.
 */
import { Counter, Gauge, Histogram } from "@prometheus-io/client";
import type { Registry } from "@prometheus-io/client";
import { BUCKETS } from "./buckets.ts";

const MODEL = ["model"] as const;
const REQUEST = ["model", "endpoint", "request_type"] as const;

export type Series = ReturnType<typeof createSeries>;

/** Makes all of them in the registry. */
export function createSeries(registry: Registry, prefix: string) {
  const registers = [registry];
  const named = (name: string, help: string) => ({ name: `${prefix}_${name}`, help, registers });
  const ofModel = (name: string, help: string, buckets: number[]) =>
    new Histogram({ ...named(name, help), labelNames: MODEL, buckets });
  return {
    requestsStarted: new Counter({
      ...named("requests_started_total", "Total number of LLM requests accepted by the frontend handler"),
      labelNames: REQUEST,
    }),
    requests: new Counter({
      ...named("requests_total", "Total number of LLM requests processed"),
      labelNames: [...REQUEST, "status", "error_type"] as const,
    }),
    failures: new Counter({
      ...named("failures_total", "Total number of terminal semantic request failures"),
      labelNames: ["class", "reason"] as const,
    }),
    cancellations: new Counter({
      ...named("model_cancellation_total", "Total number of request cancellations"),
      labelNames: REQUEST,
    }),
    rejections: new Counter({
      ...named("model_rejection_total", "Total number of requests rejected due to resource exhaustion"),
      labelNames: ["model", "endpoint"] as const,
    }),
    migrations: new Counter({
      ...named("model_migration_total", "Total number of request migrations due to worker unavailability"),
      labelNames: ["model", "migration_type"] as const,
    }),
    migrationsTooLong: new Counter({
      ...named(
        "model_migration_max_seq_len_exceeded_total",
        "Total number of times migration was disabled by max_seq_len limit",
      ),
      labelNames: MODEL,
    }),
    migrationDuration: new Histogram({
      ...named(
        "model_migration_duration_seconds",
        "Time from detecting a migratable failure until recovery, terminal failure, or cancellation",
      ),
      labelNames: ["model", "migration_type", "outcome"] as const,
      buckets: BUCKETS.migrationDuration,
    }),
    disconnectedClients: new Gauge(named("disconnected_clients", "Number of disconnected clients")),
    requestDuration: ofModel("request_duration_seconds", "Duration of LLM requests", BUCKETS.requestDuration),
    timeToFirstToken: ofModel(
      "time_to_first_token_seconds",
      "Time to first token in seconds",
      BUCKETS.timeToFirstToken,
    ),
    interTokenLatency: ofModel(
      "inter_token_latency_seconds",
      "Inter-token latency in seconds",
      BUCKETS.interTokenLatency,
    ),
    inputTokens: ofModel("input_sequence_tokens", "Input sequence length in tokens", BUCKETS.inputTokens),
    cachedTokens: ofModel(
      "cached_tokens",
      "Number of cached tokens (prefix cache hits) per request",
      BUCKETS.inputTokens,
    ),
    outputSequence: ofModel(
      "output_sequence_tokens",
      "Output sequence length in tokens",
      BUCKETS.outputTokens,
    ),
    embeddingLatency: ofModel(
      "embedding_latency_seconds",
      "End-to-end latency of /v1/embeddings requests, in seconds",
      BUCKETS.embeddingLatency,
    ),
  };
}
