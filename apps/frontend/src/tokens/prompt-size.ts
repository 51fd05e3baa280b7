/** How long prompts may be, and answers. */
import { HttpError } from "../errors.ts";

/**
 * How many tokens the answer may have. When the client doesn't say, whatever room the prompt leaves, if the model's
 * context length is known: Dynamo's frontend up to 1.6 sends nothing, and engines that need a number, such as its
 * mocker, then refuse the request. Where the length isn't known, nothing is what is sent here too.
 *
 * Throws an {@link HttpError} of status 400 for a prompt that leaves no room at all.
 */
export function answerLimit(
  promptTokens: number,
  contextLength: number | undefined,
  { maxTokens, promptField }: { readonly maxTokens: number | null; readonly promptField: string },
): number | null {
  if (contextLength === undefined) return maxTokens;
  if (promptTokens >= contextLength) throw promptTooLong(promptTokens, contextLength, promptField);
  return maxTokens ?? contextLength - promptTokens;
}

function promptTooLong(promptTokens: number, contextLength: number, param: string): HttpError {
  return new HttpError(
    400,
    `This model's maximum context length is ${contextLength} tokens. However, your prompt has ${promptTokens} tokens, ` +
      "which leaves no room for an answer. Please reduce the length of the prompt.",
    { param },
  );
}
