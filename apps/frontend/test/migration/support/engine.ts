/**
 * An engine whose next token depends on the seed and on every token before it, as that of a real model: who goes on with
 * an answer has to be given all of it.
 */
import { parsePreprocessedRequest } from "@dynamo/preprocessor/protocol";
import type { EngineOutput } from "@dynamo/preprocessor/protocol";
import type { RequestContext } from "@dynamo/request-plane-core";

const EOS = 2;

/** Called before each token with its place in the whole sequence, prompt included. */
export type BeforeToken = (requestId: string, place: number) => Promise<void> | undefined;

export function engine(beforeToken: BeforeToken) {
  return async function* (body: unknown, context: RequestContext): AsyncGenerator<EngineOutput> {
    const { token_ids: prompt, ...request } = parsePreprocessedRequest(body);
    const { max_tokens: limit, min_tokens: least } = request.stop_conditions;
    let state = Number(request.sampling_options.seed ?? 0);
    for (const token of prompt) state = mix(state, token);
    for (let made = 0; ; made += 1) {
      if (made === limit) {
        yield end("length", prompt.length, made);
        return;
      }
      await beforeToken(context.id, prompt.length + made);
      if (context.signal.aborted) return;
      // One in 64 ends the answer, as long as it may.
      const token = state % 64 === 0 && made >= (least ?? 0) ? EOS : 1000 + (state % 1000);
      yield { token_ids: [token], ...(made === 0 && { completion_usage: usage(prompt.length, 1) }) };
      if (token === EOS) {
        yield end("eos", prompt.length, made + 1);
        return;
      }
      state = mix(state, token);
    }
  };
}

function end(finish_reason: "eos" | "length", prompt: number, completion: number): EngineOutput {
  return { token_ids: [], finish_reason, completion_usage: usage(prompt, completion) };
}

function usage(prompt: number, completion: number) {
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
  };
}

function mix(state: number, token: number): number {
  const mixed = Math.imul(state ^ token, 0x9e3779b1);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
