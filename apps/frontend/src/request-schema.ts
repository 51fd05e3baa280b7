/**
 * What the requests of all routes have in common: how a field is checked, and what is said when it is wrong.
 *
 * Source: ranges and texts of Dynamo 1.6.1, observed.
 */
import { z } from "zod";
import { HttpError } from "./errors.ts";

export const between = (name: string, low: number, high: number) =>
  checked(name, (value) => value >= low && value <= high, `must be between ${low} and ${high}`);

export const positive = (name: string) =>
  checked(name, (value) => Number.isInteger(value) && value > 0, "must be an integer greater than 0");

export const count = (name: string) =>
  checked(name, (value) => Number.isInteger(value) && value >= 0, "must be an integer of 0 or more");

function checked(name: string, check: (value: number) => boolean, rule: string) {
  return z
    .number()
    .refine(check, { error: ({ input }) => `${name} ${rule}, got ${String(input)}` })
    .nullish();
}

const MAX_TOKEN_ID = 0xffff_ffff;

export const tokenId = z
  .number()
  .refine((value) => Number.isInteger(value) && value >= 0 && value <= MAX_TOKEN_ID, {
    error: ({ input }) => `Token ids must be whole numbers from 0 to ${MAX_TOKEN_ID}, got ${String(input)}`,
  });

/** Fields that chats and completions share. */
export const commonFields = {
  model: z.string().min(1, { error: "Model cannot be empty", abort: true }),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  temperature: between("Temperature", 0, 2),
  top_p: between("Top_p", 0, 1),
  min_p: between("Min_p", 0, 1),
  frequency_penalty: between("Frequency penalty", -2, 2),
  presence_penalty: between("Presence penalty", -2, 2),
  n: between("n", 1, 128),
  max_tokens: positive("Max_tokens"),
  logit_bias: z.record(z.string(), between("Logit bias", -100, 100)).nullish(),
  stop: z.union([z.string(), z.array(z.string())]).nullish(),
  nvext: z.looseObject({ backend_instance_id: z.number().nullish() }).nullish(),
};

interface Streaming {
  readonly stream?: boolean | null | undefined;
  readonly stream_options?: object | null | undefined;
}

/** For `refine`: options of a stream need a stream. */
export const streamsWithOptions = [
  ({ stream, stream_options: options }: Streaming): boolean => !options || stream === true,
  { path: ["stream_options"], error: "stream_options needs stream to be true" },
] satisfies Parameters<z.ZodType<Streaming>["refine"]>;

const WRONG_SHAPE = "Failed to deserialize the JSON body into the target type: ";

/** Throws an {@link HttpError} of status 400 that names the first field at fault. */
export function checkRequest<Shape extends z.ZodType>(schema: Shape, value: unknown): z.infer<Shape> {
  const result = schema.safeParse(value, { reportInput: true });
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
