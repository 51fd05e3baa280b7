/** What a completion request must look like. */
import { z } from "zod";
import { between, checkRequest, commonFields, tokenId, streamsWithOptions } from "../request-schema.ts";

/** Prompts in one request; each is a request to a worker. */
const MAX_PROMPTS = 128;

const tokens = z.array(tokenId).min(1, { error: "Prompt cannot be empty" });

const completionRequest = z
  .object({
    ...commonFields,
    prompt: z.union([
      z.string(),
      tokens,
      z.array(z.string()).min(1, { error: "Prompt cannot be empty" }).max(MAX_PROMPTS),
      z.array(tokens).min(1).max(MAX_PROMPTS),
    ]),
    echo: z.boolean().nullish(),
    logprobs: between("Logprobs", 0, 20),
    best_of: between("Best_of", 1, 128),
    suffix: z.string().nullish(),
  })
  .refine(...streamsWithOptions);

/** The part of a request that the frontend itself looks at. */
export type CompletionRequest = z.infer<typeof completionRequest>;

/** Throws an {@link HttpError} of status 400 that names the first field at fault. */
export function checkCompletionRequest(value: unknown): CompletionRequest {
  return checkRequest(completionRequest, value);
}
