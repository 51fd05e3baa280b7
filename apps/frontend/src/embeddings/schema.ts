/**
 * What a request for embeddings must look like. It is checked here and forwarded as the client's own bytes.
 */
import { z } from "zod";
import { checkRequest, commonFields, positive, tokenId } from "../request-schema.ts";

const INPUT = "Input must be a text, a list of texts, a list of tokens or a list of such lists";
const some = { error: "Input cannot be empty" };

const embeddingRequest = z.object({
  model: commonFields.model,
  input: z.union(
    [
      z.string(),
      z.array(z.string()).min(1, some),
      z.array(tokenId).min(1, some),
      z.array(z.array(tokenId).min(1, some)).min(1, some),
    ],
    { error: ({ input }) => (input === undefined ? undefined : INPUT) },
  ),
  encoding_format: z.enum(["float", "base64"]).nullish(),
  dimensions: positive("Dimensions"),
  nvext: commonFields.nvext,
});

export type EmbeddingRequest = z.infer<typeof embeddingRequest>;

/** Throws an {@link HttpError} of status 400 that names the first field at fault. */
export function checkEmbeddingRequest(value: unknown): EmbeddingRequest {
  return checkRequest(embeddingRequest, value);
}
