import { slugOf } from "@dynamo/discovery";
import type { ModelCard } from "@dynamo/discovery";
import type { EngineOptions } from "../engine/engine-options.ts";
import type { ModelFolder } from "./model-folder.ts";

export interface CardSettings {
  readonly modelName: string;
  readonly dataParallelSize: number;
  /** Whether routers are told what is in the cache. */
  readonly kvEvents: boolean;
}

/**
 * The card of a worker that takes tokens, as Dynamo's mocker of 1.6.1 writes it; frontends of 0.7 take it too.
 * Source: kv-verified notes, sections 1.1 and 2.1.
 */
export function tokensCard(model: ModelFolder, engine: EngineOptions, settings: CardSettings): ModelCard {
  const contextLength = engine.maxModelLen ?? 0;
  return {
    display_name: settings.modelName,
    slug: slugOf(settings.modelName),
    source_path: model.path,
    model_info: { hf_config_json: model.config },
    tokenizer: { hf_tokenizer_json: model.tokenizer },
    prompt_formatter: { hf_tokenizer_config_json: model.tokenizerConfig },
    gen_config: model.generationConfig ? { hf_generation_config_json: model.generationConfig } : null,
    architectural_max_context_length: model.maxPositions,
    context_length: contextLength,
    kv_cache_block_size: engine.blockSize,
    migration_limit: 0,
    model_type: "Chat | Completions",
    model_input: "Tokens",
    worker_type: "aggregated",
    needs: [],
    runtime_config: {
      context_length: contextLength,
      total_kv_blocks: engine.numGpuBlocks,
      max_num_seqs: engine.maxNumSeqs,
      max_num_batched_tokens: engine.maxNumBatchedTokens,
      tool_call_parser: null,
      reasoning_parser: null,
      data_parallel_start_rank: 0,
      data_parallel_size: settings.dataParallelSize,
      enable_local_indexer: settings.kvEvents,
      kv_event_publishing_enabled: settings.kvEvents,
    },
  };
}
