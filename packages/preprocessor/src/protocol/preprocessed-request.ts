/**
 * What a worker of `model_input` "Tokens" is sent. Numbers are token counts or ids unless a comment says otherwise; where
 * a field may be `null`, that means the same as leaving it out.
 *
 * Source: kv-verified notes, sections 1.2 and 2.2; interop notes, section B4; lib/llm/src/protocols/common.rs and
 * common/preprocessor.rs of ai-dynamo/dynamo.
 */
import type { Fields } from "./fields.ts";

type Optional<Value> = Value | null | undefined;

export interface StopConditions {
  /** How many tokens to generate at most. Dynamo's mocker refuses requests without it. */
  readonly max_tokens?: Optional<number>;
  /** Texts that end the answer. They are found by whoever detokenizes. */
  readonly stop?: Optional<readonly string[]>;
  /** Tokens that end the answer, as the client named them. Read by releases of 2026. */
  readonly stop_token_ids?: Optional<readonly number[]>;
  /** Those of them whose text is shown. Read by releases of 2026. */
  readonly stop_token_ids_visible?: Optional<readonly number[]>;
  /** Tokens that end the answer and aren't shown, the model's own end tokens among them. */
  readonly stop_token_ids_hidden?: Optional<readonly number[]>;
  /** No end before that many tokens, whatever else is said here. */
  readonly min_tokens?: Optional<number>;
  /** Go on after the model's end token. */
  readonly ignore_eos?: Optional<boolean>;
  readonly max_thinking_tokens?: Optional<number>;
}

export interface SamplingOptions {
  readonly n?: Optional<number>;
  readonly best_of?: Optional<number>;
  readonly presence_penalty?: Optional<number>;
  readonly frequency_penalty?: Optional<number>;
  readonly repetition_penalty?: Optional<number>;
  readonly temperature?: Optional<number>;
  readonly top_p?: Optional<number>;
  /** -1 is all tokens. */
  readonly top_k?: Optional<number>;
  readonly min_p?: Optional<number>;
  readonly use_beam_search?: Optional<boolean>;
  readonly length_penalty?: Optional<number>;
  /** Signed, 64 bits. */
  readonly seed?: Optional<number | bigint>;
  readonly include_stop_str_in_output?: Optional<boolean>;
  /** `json`, `regex`, `choice`, `grammar` and what goes with them. */
  readonly guided_decoding?: Optional<Fields>;
}

export interface OutputOptions {
  /** How many alternatives to report for each token; 0 is the chosen one alone. */
  readonly logprobs?: Optional<number>;
  readonly prompt_logprobs?: Optional<number>;
  readonly skip_special_tokens?: Optional<boolean>;
  readonly formatted_prompt?: Optional<boolean>;
  /** Read by releases of 2026. */
  readonly return_tokens_as_token_ids?: Optional<boolean>;
}

/** Where a request goes, and what it is worth. Read by releases from 1.0 on. */
export interface RoutingHints {
  readonly backend_instance_id?: Optional<number | bigint>;
  readonly prefill_worker_id?: Optional<number | bigint>;
  readonly decode_worker_id?: Optional<number | bigint>;
  /** Rank within the worker, for data-parallel workers. */
  readonly dp_rank?: Optional<number>;
  readonly prefill_dp_rank?: Optional<number>;
  readonly expected_output_tokens?: Optional<number>;
  readonly lora_name?: Optional<string>;
  readonly cache_salt?: Optional<string>;
  /** In seconds. */
  readonly priority_jump?: Optional<number>;
  readonly strict_priority?: Optional<number>;
  readonly priority?: Optional<number>;
  readonly [unknown: string]: unknown;
}

/** Weights of the router that differ for this request. */
export interface RouterConfigOverride {
  readonly overlap_score_weight?: Optional<number>;
  readonly router_temperature?: Optional<number>;
  readonly [unknown: string]: unknown;
}

/** The fields that aren't optional are those that workers of 0.7 insist on. */
export interface PreprocessedRequest {
  readonly model: string;
  /** The prompt; after a migration, the prompt and the tokens generated so far. */
  readonly token_ids: readonly number[];
  readonly stop_conditions: StopConditions;
  readonly sampling_options: SamplingOptions;
  readonly output_options: OutputOptions;
  readonly eos_token_ids: readonly number[];
  /** Checksum of the model card that the caller works from. */
  readonly mdc_sum?: Optional<string>;
  /** Names of annotations that the client asked for. */
  readonly annotations: readonly string[];
  readonly routing?: Optional<RoutingHints>;
  /** How many blocks of the prompt the router expects in the worker's cache. Read by 0.7 alone, as the next two. */
  readonly estimated_prefix_hit_num_blocks?: Optional<number>;
  readonly backend_instance_id?: Optional<number | bigint>;
  readonly dp_rank?: Optional<number>;
  readonly router_config_override?: Optional<RouterConfigOverride>;
  /** Whatever else, the client's `nvext` among it. */
  readonly extra_args?: Optional<Fields>;
  readonly [unknown: string]: unknown;
}

/** A request with all that workers of every release look for; what isn't given is empty or `null`. */
export function preprocessedRequest(
  given: Partial<PreprocessedRequest> & Pick<PreprocessedRequest, "model" | "token_ids">,
): PreprocessedRequest {
  return {
    stop_conditions: {},
    sampling_options: {},
    output_options: {},
    eos_token_ids: [],
    mdc_sum: null,
    annotations: [],
    routing: {},
    estimated_prefix_hit_num_blocks: null,
    backend_instance_id: null,
    router_config_override: null,
    ...given,
  };
}

/** What a router decided about a request. */
export interface RoutingDecision {
  /** Rank within the worker. */
  readonly dpRank?: number;
  /** Blocks of the prompt that the worker's cache is expected to hold. */
  readonly overlapBlocks?: number;
}

/** The request with the decision where workers of every release look for it. */
export function withDecision(request: PreprocessedRequest, decision: RoutingDecision): PreprocessedRequest {
  const { dpRank, overlapBlocks } = decision;
  return {
    ...request,
    ...(overlapBlocks !== undefined && { estimated_prefix_hit_num_blocks: overlapBlocks }),
    ...(dpRank !== undefined && { routing: { ...request.routing, dp_rank: dpRank }, dp_rank: dpRank }),
  };
}
