/** What a worker reads of a request that comes over the wire. */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import * as check from "./fields.ts";
import type { Check, Fields } from "./fields.ts";
import { preprocessedRequest } from "./preprocessed-request.ts";
import type {
  OutputOptions,
  PreprocessedRequest,
  RouterConfigOverride,
  RoutingHints,
  SamplingOptions,
  StopConditions,
} from "./preprocessed-request.ts";

/**
 * A request as a worker gets it, decoded. As workers from 1.0 on do, it insists on `token_ids` alone and fills in the other
 * fields that {@link PreprocessedRequest} requires; fields it doesn't know stay. Throws `invalid_argument`, which
 * names the field at fault.
 */
export function parsePreprocessedRequest(value: unknown): PreprocessedRequest {
  const fault = request(value, "") ?? missing(value as Fields);
  if (fault !== undefined) throw new RequestPlaneError("invalid_argument", `Preprocessed request: ${fault}`);
  const given = withoutNulls(value as Fields) as Partial<PreprocessedRequest>;
  return preprocessedRequest({ ...given, model: given.model ?? "", token_ids: given.token_ids ?? [] });
}

function missing({ token_ids: tokens }: Fields): string | undefined {
  return tokens === undefined || tokens === null ? "token_ids is missing" : undefined;
}

function withoutNulls(value: Fields): Fields {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null));
}

type Checks<Shape> = Readonly<Record<KnownKeys<Shape>, Check>>;
type KnownKeys<Shape> = keyof {
  [Key in keyof Shape as string extends Key ? never : Key]: Shape[Key];
};

const stopConditions: Checks<StopConditions> = {
  max_tokens: check.u32,
  stop: check.listOf(check.text),
  stop_token_ids: check.tokenIds,
  stop_token_ids_visible: check.tokenIds,
  stop_token_ids_hidden: check.tokenIds,
  min_tokens: check.u32,
  ignore_eos: check.flag,
  max_thinking_tokens: check.u32,
};

const samplingOptions: Checks<SamplingOptions> = {
  n: check.u32,
  best_of: check.u32,
  presence_penalty: check.number,
  frequency_penalty: check.number,
  repetition_penalty: check.number,
  temperature: check.number,
  top_p: check.number,
  top_k: check.integer,
  min_p: check.number,
  use_beam_search: check.flag,
  length_penalty: check.number,
  seed: check.integer,
  include_stop_str_in_output: check.flag,
  guided_decoding: check.objectOf({}),
};

const outputOptions: Checks<OutputOptions> = {
  logprobs: check.u32,
  prompt_logprobs: check.u32,
  skip_special_tokens: check.flag,
  formatted_prompt: check.flag,
  return_tokens_as_token_ids: check.flag,
};

const routing: Checks<RoutingHints> = {
  backend_instance_id: check.u64,
  prefill_worker_id: check.u64,
  decode_worker_id: check.u64,
  dp_rank: check.u32,
  prefill_dp_rank: check.u32,
  expected_output_tokens: check.u32,
  lora_name: check.text,
  cache_salt: check.text,
  priority_jump: check.number,
  strict_priority: check.u32,
  priority: check.integer,
};

const routerConfig: Checks<RouterConfigOverride> = {
  overlap_score_weight: check.number,
  router_temperature: check.number,
};

const fields: Checks<PreprocessedRequest> = {
  model: check.text,
  token_ids: check.tokenIds,
  stop_conditions: check.objectOf(stopConditions),
  sampling_options: check.objectOf(samplingOptions),
  output_options: check.objectOf(outputOptions),
  eos_token_ids: check.tokenIds,
  mdc_sum: check.text,
  annotations: check.listOf(check.text),
  routing: check.objectOf(routing),
  estimated_prefix_hit_num_blocks: check.u32,
  backend_instance_id: check.u64,
  dp_rank: check.u32,
  router_config_override: check.objectOf(routerConfig),
  extra_args: check.objectOf({}),
};

const request: Check = (value, where) =>
  check.isFields(value) ? check.objectOf(fields)(value, where) : "it is not an object";
