/**
 * The answer of a request that streams: server-sent events, with `[DONE]` at the end in any case.
 */
import { encodeJson } from "@dynamo/request-plane-core";
import type { JsonItem } from "@dynamo/request-plane-core";
import { toHttpError } from "../errors.ts";
import type { HttpError } from "../errors.ts";
import type { ChunkTexts } from "./chunk-text.ts";
import type { EventWriter } from "./event-writer.ts";
import { DONE, annotationEvent, dataEvent } from "./sse.ts";

/**
 * Passes the events on as they come. A failure becomes an error event, because the status has been sent.
 * Resolves with that failure, or with `undefined` when the response is whole.
 */
export async function streamEvents<Item>(
  batches: AsyncIterable<readonly Item[]>,
  eventOf: (item: Item) => string,
  writer: EventWriter,
): Promise<HttpError | undefined> {
  try {
    for await (const items of batches) {
      for (const item of items) writer.send(eventOf(item));
      // A promise per token costs more than the token, so there is one only for a client that is behind.
      const wait = writer.drained();
      if (wait) await wait;
    }
    writer.end(DONE);
    return undefined;
  } catch (error) {
    const failure = toHttpError(error);
    writer.end(dataEvent(encodeJson(failure.body)) + DONE);
    return failure;
  }
}

/** The event of an item that a worker wrote, which is passed on as it is. Throws `protocol_error` when it is no chunk. */
export function jsonItemEvent(item: JsonItem, chunks: ChunkTexts): string {
  if (typeof item === "string") {
    chunks.check(item);
    return dataEvent(item);
  }
  if (item.data !== undefined) chunks.check(item.data);
  return item.event === undefined && item.comment === undefined ? "" : annotationEvent(item);
}
