/**
 * The worker's half of a request: from the envelope to the last frame of the response.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { AnnotatedItem, errorItem } from "./annotated.ts";
import type { ErrorDialect } from "./dynamo-error.ts";
import type { Handler } from "./endpoint.ts";
import { RequestPlaneError } from "./errors.ts";
import { HandlerContext } from "./handler-context.ts";
import { decodeJson, EncodedItem, encodeJson } from "./payload-codec.ts";
import type { PayloadCodec } from "./payload-codec.ts";
import type { OnOver, ResponseWriter } from "./response-plane.ts";
import type { Headers, InboundRequest } from "./transport.ts";
import type { ConnectionInfo, ControlMessage, ControlMessageDecoder } from "./wire/control-message.ts";
import { asBuffer, boundsOfTwoPart, TWO_PART_PREFIX_BYTES } from "./wire/two-part.ts";
import type { WrittenResponses } from "./written-responses.ts";

/** A request whose envelope could be read: what of it is needed while the response goes on. */
export interface DecodedRequest extends Omit<ControlMessage, "connectionInfo"> {
  readonly headers: Headers;
  /** Taken away when the response has begun: it would keep alive what came with it from the socket. */
  payload: Payload | undefined;
}

interface Payload {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** A request, and where its response goes. Throws `protocol_error` for an envelope that no worker could answer. */
export function decodeRequest(
  { envelope: bytes, headers }: InboundRequest,
  decoder: ControlMessageDecoder,
): { request: DecodedRequest; connectionInfo: ConnectionInfo } {
  const envelope = asBuffer(bytes);
  const { bodyStart, end } = boundsOfTwoPart(envelope);
  const { id, connectionInfo, payloadCodec, metadata } = decoder.decode(
    envelope,
    TWO_PART_PREFIX_BYTES,
    bodyStart,
  );
  const payload = { bytes: envelope, start: bodyStart, end };
  return { request: { id, payloadCodec, metadata, headers, payload }, connectionInfo };
}

/** What answers the requests of an endpoint. */
export interface Answering<Request, Item> {
  readonly handler: Handler<Request, Item>;
  readonly responses: WrittenResponses;
  /** Taken beside JSON. */
  readonly payloadCodec?: PayloadCodec | undefined;
}

/**
 * Runs the handler and writes what it yields. Never rejects: what the handler throws goes to the caller. One function,
 * and no other that waits for it or for each item, since every one of them would be two more turns.
 *
 * The response is in the codec of the request. `onOver` is told once, when the caller has the whole response and the
 * handler is done.
 */
export async function answer<Request, Item>(
  { handler, responses, payloadCodec: own }: Answering<Request, Item>,
  request: DecodedRequest,
  writer: ResponseWriter,
  onOver: OnOver,
): Promise<void> {
  const codec = request.payloadCodec === own?.name ? own : undefined;
  const context = new HandlerContext(request.id, request.headers, request.metadata);
  // At once: a request and its cancellation may come in one piece.
  writer.controlled = context;
  // The acknowledgement goes out before the handler runs, however long its first step takes.
  await ACKNOWLEDGED;
  try {
    try {
      const items = begin(handler, request, context, { writer, codec });
      if (Symbol.asyncIterator in items) {
        const iterator = items[Symbol.asyncIterator]();
        context.iterator = iterator;
        for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
          if (!context.isKilled && !writeItem(writer, next.value, codec)) await responses.drained(writer);
          if (context.isKilled) {
            await context.leave();
            break;
          }
        }
      } else await pumpInTurns(items, context, { writer, responses, codec });
    } catch (error) {
      if (request.payload) writer.prologue(RequestPlaneError.from(error));
      else if (!context.isKilled) writeFailure(writer, error, request, codec);
    }
  } catch {
    // There are no words for what was thrown.
    writer.abort();
  }
  context.close();
  if (context.isKilled) writer.abort();
  writer.end(onOver, codec?.encode(FINAL));
}

/** The payload is here alone: what a handler doesn't keep of it must not last as long as its response. */
function begin<Request, Item>(
  handler: Handler<Request, Item>,
  request: DecodedRequest,
  context: HandlerContext,
  { writer, codec }: Omit<Output, "responses">,
): ReturnType<Handler<Request, Item>> {
  const payload = decodePayload(request, codec) as Request;
  writer.prologue();
  request.payload = undefined;
  // For a caller that has left already nothing is begun: its signal tells nobody any more.
  return context.isKilled ? [] : handler(payload, context);
}

/** `complete_final`, in codecs other than JSON. */
const FINAL = { complete_final: true };

const ACKNOWLEDGED = Promise.resolve();

/** Where the items of one response go. */
interface Output {
  readonly writer: ResponseWriter;
  readonly responses: WrittenResponses;
  readonly codec: PayloadCodec | undefined;
}

/** Items that are made without waiting are written without waiting; others get their turn in between. */
async function pumpInTurns<Item>(
  items: Iterable<Item>,
  context: HandlerContext,
  { writer, responses, codec }: Output,
): Promise<void> {
  let inTurn = 0;
  // Leaving the loop calls the iterator's `return`.
  for (const item of items) {
    // Not behind the last item, which leaves together with the end.
    if (inTurn === ITEMS_PER_TURN) {
      inTurn = 0;
      await nextTurn();
    }
    inTurn += 1;
    if (!context.isKilled && !writeItem(writer, item, codec)) await responses.drained(writer);
    if (context.isKilled) return;
  }
}

const ITEMS_PER_TURN = 256;

/** An error ends the response as an item of its own, which every release can read. */
function writeFailure(
  writer: ResponseWriter,
  thrown: unknown,
  request: DecodedRequest,
  codec: PayloadCodec | undefined,
): void {
  const error = RequestPlaneError.from(thrown, "handler_failed");
  writeItem(writer, new AnnotatedItem(errorItem(error, dialectOf(request))), codec);
}

function writeItem(writer: ResponseWriter, item: unknown, codec: PayloadCodec | undefined): boolean {
  const isAnnotated = item instanceof AnnotatedItem;
  if (codec) return writeEncoded(writer, isAnnotated ? item : plain(item), codec);
  const json = item instanceof EncodedItem ? oneLine(item) : encodeJson(isAnnotated ? item.envelope : item);
  if (writer.framing !== "wrapped") return writer.write(json, isAnnotated ? "annotated" : "item");
  const data = isAnnotated ? json : `{"data":${json}}`;
  return writer.write(`{"data":${data},"complete_final":false}`, "wrapped");
}

/** Line feeds in JSON are nothing but space. */
function oneLine({ json }: EncodedItem): string {
  return json.includes("\n") ? json.replaceAll("\n", " ") : json;
}

/** A value for a codec other than JSON. */
function plain(item: unknown): unknown {
  return item instanceof EncodedItem ? decodeJson(item.json) : (item ?? null);
}

function writeEncoded(writer: ResponseWriter, item: unknown, codec: PayloadCodec): boolean {
  const envelope = item instanceof AnnotatedItem ? item.envelope : undefined;
  if (writer.framing === "bare") {
    return writer.write(codec.encode(envelope ?? item), envelope ? "annotated" : "item");
  }
  return writer.write(codec.encode({ data: envelope ?? { data: item }, complete_final: false }), "wrapped");
}

const NOTHING: Uint8Array = new Uint8Array();

/** Once for each request. */
function decodePayload(request: DecodedRequest, codec: PayloadCodec | undefined): unknown {
  const { payload, payloadCodec: name = "json" } = request;
  if (!codec && name !== "json") {
    throw new RequestPlaneError("invalid_argument", `This worker takes JSON payloads, not ${name}`);
  }
  try {
    if (codec) return codec.decode(payload?.bytes.subarray(payload.start, payload.end) ?? NOTHING);
    return decodeJson(payload?.bytes.toString("utf8", payload.start, payload.end) ?? "");
  } catch (cause) {
    const message = `The request's payload is not ${codec ? codec.name : "JSON"}`;
    throw new RequestPlaneError("invalid_argument", message, { cause });
  }
}

/** Which release the caller is of, as far as its request shows. Source: live verification, A1. */
function dialectOf({ payloadCodec, headers }: DecodedRequest): ErrorDialect {
  if (payloadCodec) return "1.3";
  return "request-id" in headers ? "1.2" : "1.0";
}
