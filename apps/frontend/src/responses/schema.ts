/**
 * What a request of OpenAI's Responses API must look like. What a chat can't express is refused with 501, so that nobody
 * waits for what won't come.
 *
 * Source: texts and statuses of Dynamo 1.6.1, observed.
 */
import { z } from "zod";
import { HttpError } from "../errors.ts";
import { between, checkRequest, commonFields, positive } from "../request-schema.ts";

const textPart = z.looseObject({ type: z.enum(["input_text", "output_text"]), text: z.string() });
const imagePart = z.looseObject({ type: z.literal("input_image"), image_url: z.string() });

const message = z.looseObject({
  type: z.literal("message").nullish(),
  role: z.enum(["user", "assistant", "system", "developer"]),
  content: z.union([z.string(), z.array(z.union([textPart, imagePart]))]),
});
const functionCall = z.looseObject({
  type: z.literal("function_call"),
  call_id: z.string(),
  name: z.string(),
  arguments: z.string(),
});
const functionOutput = z.looseObject({
  type: z.literal("function_call_output"),
  call_id: z.string(),
  output: z.string(),
});

const inputItem = z.union([message, functionCall, functionOutput]);

const INPUT =
  "Input must be a text, or a list of messages of texts and images, function_call and function_call_output items";

const responsesRequest = z.looseObject({
  model: commonFields.model,
  input: z.union([z.string(), z.array(inputItem).min(1, { error: "Input cannot be empty" })], {
    error: ({ input }) => (input === undefined ? undefined : INPUT),
  }),
  instructions: z.string().nullish(),
  stream: z.boolean().nullish(),
  temperature: between("Temperature", 0, 2),
  top_p: between("Top_p", 0, 1),
  max_output_tokens: positive("Max_output_tokens"),
  metadata: z.record(z.string(), z.string()).nullish(),
  tools: z.array(z.looseObject({ type: z.string() })).nullish(),
  tool_choice: z.union([z.string(), z.looseObject({ type: z.string() })]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: z.looseObject({ format: z.looseObject({ type: z.string() }).nullish() }).nullish(),
  user: z.string().nullish(),
  nvext: commonFields.nvext,
});

export type ResponsesRequest = z.infer<typeof responsesRequest>;
export type InputItem = Exclude<ResponsesRequest["input"], string>[number];

/** Throws an {@link HttpError}: 400 names the first field at fault, 501 what can't be done. */
export function checkResponsesRequest(value: unknown): ResponsesRequest {
  const request = checkRequest(responsesRequest, value);
  refuseUnsupported(request);
  return request;
}

/** They need what this server has not: answers that it kept. */
const STATEFUL = ["previous_response_id", "conversation", "prompt"];

function refuseUnsupported(request: ResponsesRequest): void {
  const stateful = STATEFUL.find((field) => request[field] !== undefined && request[field] !== null);
  if (stateful !== undefined) throw unsupported(`\`${stateful}\``, stateful);
  if (request["background"] === true) throw unsupported("`background: true`", "background");
  const tool = request.tools?.find(({ type }) => type !== "function");
  if (tool) throw unsupported(`A tool of type '${tool.type}'`, "tools");
}

function unsupported(what: string, param: string): HttpError {
  return new HttpError(501, `Validation: ${what} is not supported.`, { param });
}
