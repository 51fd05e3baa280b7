/**
 * The seam between what the frontend does with a request of a model that takes tokens and the worker that answers it.
 * Whatever stands between the two, such as a router or migration, is such a call and makes others.
 */
import type { EngineOutput, PreprocessedRequest } from "@dynamo/preprocessor/protocol";

/** Items of an answer as they come, at least one at a time. Leaving the loop cancels the request at the worker. */
export type EngineItems = AsyncIterable<readonly EngineOutput[]>;

/**
 * Sends the request to a worker of its choice. Resolves when that one begins to answer. Whatever it holds for the
 * request, such as a place in a router's books, it gives back when the items end, by themselves or by an error.
 */
export type EngineCall = (request: PreprocessedRequest) => Promise<EngineItems>;
