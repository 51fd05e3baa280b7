/**
 * What a chat request must look like. The body of a request for a model that takes text is checked here and forwarded
 * as the client's own bytes, so fields that aren't named here reach the worker too.
 */
import { z } from "zod";
import { between, checkRequest, commonFields, positive, streamsWithOptions } from "../request-schema.ts";

const chatRequest = z
  .object({
    ...commonFields,
    messages: z.array(z.looseObject({ role: z.string() })).min(1, { error: "Messages cannot be empty" }),
    top_logprobs: between("Top_logprobs", 0, 20),
    logprobs: z.boolean().nullish(),
    max_completion_tokens: positive("Max_completion_tokens"),
    tools: z.array(z.looseObject({})).nullish(),
  })
  .refine(...streamsWithOptions);

/** The part of a request that the frontend itself looks at. */
export type ChatRequest = z.infer<typeof chatRequest>;

/** Throws an {@link HttpError} of status 400 that names the first field at fault. */
export function checkChatRequest(value: unknown): ChatRequest {
  return checkRequest(chatRequest, value);
}
