/** Messages as recorded from Dynamo 0.7.1 and 1.6.1 (kv-verified notes, sections 1.2, 1.3 and 2.2). */
import { describe, expect, test } from "vitest";
import {
  parseEngineOutput,
  parsePreprocessedRequest,
  preprocessedRequest,
  withDecision,
} from "../src/protocol/index.ts";

const request16 = {
  model: "mock",
  token_ids: [256, 258, 262, 32, 261, 259],
  stop_conditions: { max_tokens: 6, stop: null, stop_token_ids: null, stop_token_ids_hidden: [257] },
  sampling_options: { n: null, temperature: null, seed: null, guided_decoding: null },
  output_options: { logprobs: null, return_tokens_as_token_ids: null },
  eos_token_ids: [257],
  mdc_sum: "7c6d",
  annotations: [],
  routing: { backend_instance_id: 2579194955316617814n, dp_rank: 1 },
  router_config_override: null,
  extra_args: { nvext: { extra_fields: ["worker_id", "timing"] } },
};

describe("requests", () => {
  test("of 1.6 and of 0.7 are read", () => {
    expect(parsePreprocessedRequest(request16)).toMatchObject({
      token_ids: request16.token_ids,
      stop_conditions: { max_tokens: 6 },
      routing: { backend_instance_id: 2579194955316617814n, dp_rank: 1 },
      extra_args: request16.extra_args,
    });
    const { routing: _routing, extra_args: _extra, ...rest } = request16;
    const request07 = { ...rest, estimated_prefix_hit_num_blocks: 8, backend_instance_id: null, dp_rank: 0 };
    expect(parsePreprocessedRequest(request07)).toMatchObject({
      estimated_prefix_hit_num_blocks: 8,
      dp_rank: 0,
    });
  });

  test("of token ids alone get what is missing, and null means missing", () => {
    const empty = { stop_conditions: {}, sampling_options: {}, output_options: {}, eos_token_ids: [] };
    expect(parsePreprocessedRequest({ token_ids: [1] })).toMatchObject(empty);
    const nulls = { token_ids: [1], stop_conditions: null, eos_token_ids: null, annotations: null };
    expect(parsePreprocessedRequest(nulls)).toMatchObject({ ...empty, annotations: [] });
  });

  test("that are wrong are refused with the field at fault", () => {
    const refusal = (fields: object) => () => parsePreprocessedRequest({ token_ids: [1], ...fields });
    expect(() => parsePreprocessedRequest([])).toThrow("it is not an object");
    expect(() => parsePreprocessedRequest({ model: "m" })).toThrow("token_ids is missing");
    expect(refusal({ token_ids: [1, -1] })).toThrow("token_ids[1] is -1");
    expect(refusal({ stop_conditions: { max_tokens: 1.5 } })).toThrow("stop_conditions.max_tokens is 1.5");
    expect(refusal({ stop_conditions: { stop: ["a", 1] } })).toThrow("stop_conditions.stop[1] is 1");
    expect(refusal({ sampling_options: { seed: "x" } })).toThrow("sampling_options.seed is 'x'");
    expect(refusal({ routing: { dp_rank: -1 } })).toThrow("routing.dp_rank is -1");
    expect(refusal({ annotations: "a" })).toThrow("annotations is 'a', not a list");
    expect(refusal({ eos_token_ids: 2 })).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  });

  test("hold all that workers of 0.7 insist on, and a decision where each release looks for it", () => {
    const request = preprocessedRequest({ model: "m", token_ids: [1, 2] });
    expect(Object.keys(request)).toEqual(
      expect.arrayContaining(["model", "token_ids", "stop_conditions", "sampling_options"]),
    );
    expect(request).toMatchObject({ output_options: {}, eos_token_ids: [], annotations: [] });
    expect(withDecision(request, { dpRank: 1, overlapBlocks: 8 })).toEqual({
      ...request,
      estimated_prefix_hit_num_blocks: 8,
      routing: { dp_rank: 1 },
      dp_rank: 1,
    });
  });
});

describe("items", () => {
  test("of the mockers of 1.6 and 0.7 and the smallest ones are read as they are", () => {
    const usage = {
      prompt_tokens: 24,
      completion_tokens: 5,
      total_tokens: 29,
      prompt_tokens_details: { audio_tokens: null, cached_tokens: 20 },
    };
    const items = [
      { token_ids: [1454], tokens: null, text: null, output_type: "text", completion_usage: usage },
      { token_ids: [1159], tokens: null, text: null, output_type: "text", finish_reason: null },
      { token_ids: [1082], tokens: [" fi"], text: " fi", cum_log_probs: null, log_probs: null },
      { token_ids: [], finish_reason: "length", completion_usage: usage },
      { token_ids: [], finish_reason: { error: "no room" } },
      { token_ids: [1, 2], log_probs: [-0.5, -1], top_logprobs: [[{ token_id: 1, logprob: -0.5 }], []] },
    ];
    for (const item of items) expect(parseEngineOutput(item)).toBe(item);
  });

  test("that were aborted were cancelled", () => {
    const aborted = parseEngineOutput({ token_ids: [], finish_reason: "abort" });
    expect(aborted.finish_reason).toBe("cancelled");
  });

  test.each([
    ["text", "it is not an object"],
    [{}, "token_ids is missing"],
    [{ token_ids: ["a"] }, "token_ids[0] is 'a'"],
    [{ token_ids: [1], text: 5 }, "text is 5"],
    [{ token_ids: [], finish_reason: "done" }, 'finish_reason is "done"'],
    [{ token_ids: [], completion_usage: { prompt_tokens: 1 } }, "completion_usage has no"],
    [{ token_ids: [1], top_logprobs: [[{ logprob: 1 }]] }, "top_logprobs[0][0] has no token_id"],
    [{ token_ids: [1], index: -1 }, "index is -1"],
  ])("%j is refused", (item, fault) => {
    expect(() => parseEngineOutput(item)).toThrow(fault);
    expect(() => parseEngineOutput(item)).toThrow(expect.objectContaining({ code: "protocol_error" }));
  });
});
