/**
 * The fields of a request that say how an engine is to answer, as engines take them. Besides OpenAI's there are those
 * of vLLM, at the top or in `nvext`, where Dynamo has them too.
 *
 * Source: kv-verified notes, section 1.2; interop notes, section B4; lib/llm/src/protocols/openai of ai-dynamo/dynamo.
 */
import type { PreprocessedRequest, SamplingOptions, StopConditions } from "@dynamo/preprocessor/protocol";
import { z } from "zod";
import { isFields } from "../chat/chunk.ts";
import type { Fields } from "../chat/chunk.ts";
import { HttpError } from "../errors.ts";
import { between, checkRequest, count, tokenId } from "../request-schema.ts";

const MAX_STOPS = 32;

const tokenIds = z.array(tokenId).nullish();

const engineFields = z.object({
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
  top_k: between("Top_k", -1, 0x7fff_ffff),
  min_p: z.number().nullish(),
  frequency_penalty: z.number().nullish(),
  presence_penalty: z.number().nullish(),
  repetition_penalty: between("Repetition penalty", 0, 2),
  length_penalty: z.number().nullish(),
  use_beam_search: z.boolean().nullish(),
  seed: z.int().nullish(),
  include_stop_str_in_output: z.boolean().nullish(),
  min_tokens: count("Min_tokens"),
  ignore_eos: z.boolean().nullish(),
  max_thinking_tokens: count("Max_thinking_tokens"),
  stop_token_ids: tokenIds,
  skip_special_tokens: z.boolean().nullish(),
  prompt_logprobs: count("Prompt_logprobs"),
  guided_json: z.unknown().optional(),
  guided_regex: z.string().nullish(),
  guided_choice: z.array(z.string()).nullish(),
  guided_grammar: z.string().nullish(),
  guided_whitespace_pattern: z.string().nullish(),
  guided_decoding_backend: z.string().nullish(),
  nvext: z.looseObject({ annotations: z.array(z.string()).nullish() }).nullish(),
});

type EngineFields = z.infer<typeof engineFields>;

/** What the routes know of a request by themselves. */
export interface Asked {
  readonly n?: number | null | undefined;
  readonly best_of?: number | null | undefined;
  readonly stop?: string | readonly string[] | null | undefined;
  /** The field that holds the prompt. */
  readonly promptField: string;
  /** Most tokens of an answer, as the client says. */
  readonly maxTokens: number | null;
  /** Alternatives to report for each token; 0 is the token itself, `null` nothing at all. */
  readonly logprobs: number | null;
}

/** What the model says of itself. */
interface ModelEnds {
  readonly endTokens: readonly number[];
}

type EngineOptions = Pick<
  PreprocessedRequest,
  "stop_conditions" | "sampling_options" | "output_options" | "annotations" | "extra_args" | "eos_token_ids"
>;

/** Throws an {@link HttpError} of status 400 that names the first field at fault. */
export function engineOptions(body: unknown, asked: Asked, { endTokens }: ModelEnds): EngineOptions {
  checkChoices(asked);
  const { nvext, ...top } = isFields(body) ? body : {};
  // What stands at the top wins.
  const merged = { ...(isFields(nvext) ? nvext : {}), ...withoutNulls(top), nvext };
  const fields = checkRequest(engineFields, merged);
  return {
    stop_conditions: stopConditions(fields, asked, endTokens),
    sampling_options: samplingOptions(fields, asked),
    output_options: {
      logprobs: asked.logprobs,
      prompt_logprobs: fields.prompt_logprobs ?? null,
      skip_special_tokens: fields.skip_special_tokens ?? null,
    },
    eos_token_ids: fields.ignore_eos === true ? [] : endTokens,
    annotations: fields.nvext?.annotations ?? [],
    ...(fields.nvext && { extra_args: { nvext: fields.nvext } }),
  };
}

/** Engines answer with one choice to a request; which of several is meant would be a guess. */
function checkChoices({ n, best_of: bestOf }: Asked): void {
  for (const [param, value] of Object.entries({ n, best_of: bestOf })) {
    if ((value ?? 1) !== 1) {
      throw new HttpError(400, `Validation: ${param} must be 1 for this model, got ${String(value)}`, {
        param,
      });
    }
  }
}

function stopConditions(fields: EngineFields, asked: Asked, endTokens: readonly number[]): StopConditions {
  const stop = typeof asked.stop === "string" ? [asked.stop] : (asked.stop ?? null);
  if (stop !== null && stop.length > MAX_STOPS) {
    throw new HttpError(400, `Validation: stop may hold ${MAX_STOPS} texts, got ${stop.length}`, {
      param: "stop",
    });
  }
  const own = fields.stop_token_ids ?? [];
  // As in Dynamo, who ignores the model's own end wants nothing else to end the answer either.
  const goesOn = fields.ignore_eos === true;
  return {
    max_tokens: asked.maxTokens,
    stop: goesOn ? null : stop,
    stop_token_ids: goesOn || own.length === 0 ? null : own,
    stop_token_ids_hidden: goesOn ? null : [...new Set([...endTokens, ...own])],
    min_tokens: fields.min_tokens ?? null,
    ignore_eos: fields.ignore_eos ?? null,
    max_thinking_tokens: fields.max_thinking_tokens ?? null,
  };
}

function samplingOptions(fields: EngineFields, { n, best_of }: Asked): SamplingOptions {
  const { temperature, top_p, top_k, min_p, frequency_penalty, presence_penalty, repetition_penalty } =
    fields;
  const { length_penalty, use_beam_search, seed, include_stop_str_in_output } = fields;
  const given = { n, best_of, presence_penalty, frequency_penalty, repetition_penalty, temperature, top_p };
  const rest = { top_k, min_p, use_beam_search, length_penalty, seed, include_stop_str_in_output };
  const guided = guidedDecoding(fields);
  const options = Object.entries({ ...given, ...rest, guided_decoding: guided });
  return Object.fromEntries(options.map(([key, value]) => [key, value ?? null]));
}

function guidedDecoding(fields: EngineFields): Fields | null {
  const options = withoutNulls({
    json: fields.guided_json,
    regex: fields.guided_regex,
    choice: fields.guided_choice,
    grammar: fields.guided_grammar,
    whitespace_pattern: fields.guided_whitespace_pattern,
    backend: fields.guided_decoding_backend,
  });
  return Object.keys(options).length === 0 ? null : options;
}

function withoutNulls(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== null && value !== undefined),
  );
}
