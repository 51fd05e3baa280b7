/**
 * The worker's half of a request: from the envelope to the last frame of the response.
 */
import { AnnotatedItem, errorItem } from "./annotated.ts";
import type { ErrorDialect } from "./dynamo-error.ts";
import type { Handler } from "./endpoint.ts";
import { RequestPlaneError } from "./errors.ts";
import { HandlerContext } from "./handler-context.ts";
import { encodeJson } from "./payload-codec.ts";
import type { ResponseWriter } from "./response-plane.ts";
import type { Headers, InboundRequest } from "./transport.ts";
import { decodeControlMessage } from "./wire/control-message.ts";
import type { ControlMessage } from "./wire/control-message.ts";
import { decodeTwoPart } from "./wire/two-part.ts";

/** A request whose envelope could be read. */
export interface DecodedRequest {
  readonly control: ControlMessage;
  readonly payload: Buffer;
  readonly headers: Headers;
}

/** Throws `protocol_error` for an envelope that no worker could answer. */
export function decodeRequest({ envelope, headers }: InboundRequest): DecodedRequest {
  const { header, body } = decodeTwoPart(envelope);
  return { control: decodeControlMessage(header.toString()), payload: body, headers };
}

/**
 * Runs the handler and writes what it yields. Resolves when the caller has the whole response and the handler
 * is done. Rejects only when the caller was lost; what the handler throws goes to the caller.
 */
export async function answer<Request, Item>(
  handler: Handler<Request, Item>,
  request: DecodedRequest,
  writer: ResponseWriter,
): Promise<void> {
  const { control, headers } = request;
  const context = new HandlerContext(control.id, headers, control.metadata);
  writer.onControl = (signal) => context.control(signal);
  try {
    const payload = decodePayload(request) as Request;
    writer.prologue();
    await pump(() => handler(payload, context), context, writer, dialectOf(request));
  } catch (error) {
    writer.prologue(RequestPlaneError.from(error));
  } finally {
    context.close();
  }
  if (context.isKilled) writer.abort();
  await writer.end();
}

/** Writes each item. An error ends the response as an item of its own, which every release can read. */
async function pump<Item>(
  start: () => AsyncIterable<Item> | Iterable<Item>,
  context: HandlerContext,
  writer: ResponseWriter,
  dialect: ErrorDialect,
): Promise<void> {
  try {
    const iterator = iteratorOf(start());
    // A generator that waits for something else comes to its `finally` as soon as that is over.
    context.onKilled = () => void finish(iterator);
    for (;;) {
      const result = await iterator.next();
      if (result.done === true) return;
      if (!context.isKilled && !writer.write(encodeItem(result.value))) await writer.drained();
      if (!context.isKilled) continue;
      await finish(iterator);
      return;
    }
  } catch (error) {
    if (context.isKilled) return;
    const failure = RequestPlaneError.from(error, "handler_failed");
    writer.write(encodeItem(new AnnotatedItem(errorItem(failure, dialect))));
  }
}

function iteratorOf<Item>(items: AsyncIterable<Item> | Iterable<Item>): AsyncIterator<Item> | Iterator<Item> {
  return Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
}

/** The caller is gone, so nobody is left to hear of an error in a `finally`. */
async function finish(iterator: AsyncIterator<unknown> | Iterator<unknown>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // See above.
  }
}

/** The body of a data frame. */
function encodeItem(item: unknown): string {
  return item instanceof AnnotatedItem
    ? `{"data":${encodeJson(item.envelope)},"complete_final":false}`
    : `{"data":{"data":${encodeJson(item)}},"complete_final":false}`;
}

function decodePayload({ control, payload }: DecodedRequest): unknown {
  if (control.payloadCodec === "msgpack") {
    throw new RequestPlaneError("invalid_argument", "This worker takes JSON payloads, not msgpack");
  }
  try {
    return JSON.parse(payload.toString());
  } catch (cause) {
    throw new RequestPlaneError("invalid_argument", "The request's payload is not JSON", { cause });
  }
}

/** Which release the caller is of, as far as its request shows. Source: live verification, A1. */
function dialectOf({ control, headers }: DecodedRequest): ErrorDialect {
  if (control.payloadCodec) return "1.3";
  return "request-id" in headers ? "1.2" : "1.0";
}
