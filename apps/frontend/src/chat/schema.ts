/**
 * What a chat request must look like. The body is checked here and forwarded as the client's own bytes, so
 * fields that aren't named here reach the worker too.
 *
 * Source: ranges and texts of Dynamo 1.6.1, observed.
 */
import { z } from "zod";
import { HttpError } from "../errors.ts";

const between = (name: string, low: number, high: number) =>
  checked(name, (value) => value >= low && value <= high, `must be between ${low} and ${high}`);

const positive = (name: string) =>
  checked(name, (value) => Number.isInteger(value) && value > 0, "must be an integer greater than 0");

function checked(name: string, check: (value: number) => boolean, rule: string) {
  return z
    .number()
    .refine(check, { error: ({ input }) => `${name} ${rule}, got ${String(input)}` })
    .nullish();
}

const chatRequest = z
  .object({
    model: z.string().min(1, { error: "Model cannot be empty", abort: true }),
    messages: z.array(z.looseObject({ role: z.string() })).min(1, { error: "Messages cannot be empty" }),
    stream: z.boolean().nullish(),
    stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
    temperature: between("Temperature", 0, 2),
    top_p: between("Top_p", 0, 1),
    min_p: between("Min_p", 0, 1),
    frequency_penalty: between("Frequency penalty", -2, 2),
    presence_penalty: between("Presence penalty", -2, 2),
    n: between("n", 1, 128),
    top_logprobs: between("Top_logprobs", 0, 20),
    logprobs: z.boolean().nullish(),
    max_tokens: positive("Max_tokens"),
    max_completion_tokens: positive("Max_completion_tokens"),
    logit_bias: z.record(z.string(), between("Logit bias", -100, 100)).nullish(),
    stop: z.union([z.string(), z.array(z.string())]).nullish(),
    tools: z.array(z.looseObject({})).nullish(),
    nvext: z.looseObject({ backend_instance_id: z.number().nullish() }).nullish(),
  })
  .refine(({ stream, stream_options: options }) => !options || stream === true, {
    path: ["stream_options"],
    error: "stream_options needs stream to be true",
  });

/** The part of a request that the frontend itself looks at. */
export type ChatRequest = z.infer<typeof chatRequest>;

const WRONG_SHAPE = "Failed to deserialize the JSON body into the target type: ";

/** Throws an {@link HttpError} of status 400 that names the first field at fault. */
export function checkChatRequest(value: unknown): ChatRequest {
  const result = chatRequest.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw issue ? refusal(issue) : new HttpError(400, "Invalid request");
}

function refusal(issue: z.core.$ZodIssue): HttpError {
  const param = issue.path.join(".");
  const options = param === "" ? {} : { param };
  if (issue.code === "custom" || issue.code === "too_small") {
    return new HttpError(400, `Validation: ${issue.message}`, options);
  }
  if (issue.input === undefined && param !== "") {
    return new HttpError(400, `${WRONG_SHAPE}missing field \`${param}\``, options);
  }
  return new HttpError(400, `${WRONG_SHAPE}${param === "" ? "" : `${param}: `}${issue.message}`, options);
}
