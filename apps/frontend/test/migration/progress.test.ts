import { preprocessedRequest } from "@dynamo/preprocessor/protocol";
import { describe, expect, test } from "vitest";
import { Progress } from "../../src/migration/progress.ts";

const EOS = 2;
const request = preprocessedRequest({
  model: "m",
  token_ids: [10, 11, 12],
  stop_conditions: { max_tokens: 6, min_tokens: 3, stop: ["end"], stop_token_ids_hidden: [EOS, 7] },
  sampling_options: { seed: 4, temperature: 0.5 },
  eos_token_ids: [EOS],
  annotations: ["a"],
});

describe("the request for the next worker", () => {
  test("has the tokens so far as its prompt, and what is left of the limits", () => {
    const progress = new Progress(request);
    progress.take([{ token_ids: [20] }, { token_ids: [21, 22] }]);
    expect(progress.next()).toEqual({
      ...request,
      token_ids: [10, 11, 12, 20, 21, 22],
      stop_conditions: { ...request.stop_conditions, max_tokens: 3, min_tokens: 0 },
    });
    progress.take([{ token_ids: [23, 24] }]);
    expect(progress.next()).toMatchObject({
      token_ids: [10, 11, 12, 20, 21, 22, 23, 24],
      stop_conditions: { max_tokens: 1, min_tokens: 0 },
    });
  });

  test("has no limits that the client didn't give", () => {
    const progress = new Progress({ ...request, stop_conditions: { max_tokens: null } });
    progress.take([{ token_ids: [20] }]);
    expect(progress.next().stop_conditions).toEqual({ max_tokens: null, min_tokens: undefined });
  });

  test("leaves the client's own request as it is", () => {
    const before = structuredClone(request);
    const progress = new Progress(request);
    progress.take([{ token_ids: [20] }]);
    progress.next();
    expect(request).toEqual(before);
  });
});

describe("items", () => {
  test("of the first worker are passed on as they are", () => {
    const items = [{ token_ids: [20], completion_usage: usage(3, 1, 0) }];
    expect(new Progress(request).take(items)).toBe(items);
  });

  test("of a later worker count what came before as the answer", () => {
    const progress = new Progress(request);
    progress.take([{ token_ids: [20, 21], cum_log_probs: -1.5 }]);
    progress.next();
    const items = [
      { token_ids: [22], completion_usage: usage(5, 1, 4), cum_log_probs: -0.25 },
      { token_ids: [23] },
    ];
    expect(progress.take(items)).toEqual([
      { token_ids: [22], completion_usage: usage(3, 3, 3), cum_log_probs: -1.75 },
      { token_ids: [23] },
    ]);
  });
});

describe("an end that was not sent", () => {
  const after = (tokens: number[], stop: object = {}) => {
    const stop_conditions = { ...request.stop_conditions, ...stop };
    const progress = new Progress({ ...request, stop_conditions });
    progress.take([{ token_ids: tokens }]);
    return progress.missingEnd()?.finish_reason;
  };

  test("is known by the last token, and by the number of tokens", () => {
    expect(after([20, 21, 22])).toBeUndefined();
    expect(after([20, 21, 22, EOS])).toBe("eos");
    expect(after([20, 21, 22, 7])).toBe("stop");
    expect(after([20, 21, 22, 23, 24, 25])).toBe("length");
  });

  test("is none before the least number of tokens, or where the end token was to be ignored", () => {
    expect(after([20, EOS])).toBeUndefined();
    expect(after([20, 21, 22, EOS], { ignore_eos: true })).toBeUndefined();
    expect(after([])).toBeUndefined();
  });
});

function usage(prompt: number, completion: number, cached: number) {
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached },
  };
}
