/**
 * The answer of a request that streams: server-sent events, with `[DONE]` at the end in any case.
 */
import type { Annotated } from "@dynamo/request-plane-core";
import { toHttpError } from "../errors.ts";
import type { HttpError } from "../errors.ts";
import { asChunk } from "./chunk.ts";
import type { EventWriter } from "./event-writer.ts";
import { DONE, annotationEvent, dataEvent } from "./sse.ts";

/**
 * Passes the items on as they come. A failure becomes an error event, because the status has been sent.
 * Resolves with that failure, or with `undefined` when the response is whole.
 */
export async function streamEvents(
  items: AsyncIterable<Annotated<unknown>>,
  writer: EventWriter,
): Promise<HttpError | undefined> {
  try {
    for await (const item of items) {
      const event = eventOf(item);
      // A promise per token costs more than the token, so there is one only for a client that is behind.
      const wait = event === "" ? undefined : writer.send(event);
      if (wait) await wait;
    }
    writer.end(DONE);
    return undefined;
  } catch (error) {
    const failure = toHttpError(error);
    writer.end(dataEvent(failure.body) + DONE);
    return failure;
  }
}

function eventOf(item: Annotated<unknown>): string {
  if (item.data !== undefined) asChunk(item.data);
  if (item.event !== undefined || item.comment !== undefined) return annotationEvent(item);
  return item.data === undefined ? "" : dataEvent(item.data);
}
