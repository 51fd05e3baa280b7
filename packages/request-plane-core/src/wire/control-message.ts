/**
 * The header of a request envelope: who asks, and where the response goes.
 *
 * Source: wire-protocol notes, sections 1.2 and 5.1; lib/runtime/src/pipeline/network.rs of ai-dynamo/dynamo.
 */
import { RequestPlaneError } from "../errors.ts";

/** `info` is JSON inside a JSON string; for `tcp_server` it is a {@link CallHomeInfo}. */
export interface ConnectionInfo {
  readonly transport: string;
  readonly info: string;
}

export type PayloadCodecName = "json" | "msgpack";

export interface ControlMessage {
  /** The request's id, normally a UUID. */
  readonly id: string;
  readonly connectionInfo: ConnectionInfo;
  /** Absent in releases before 1.3, and means JSON. */
  readonly payloadCodec?: PayloadCodecName | undefined;
  /** Context of the caller for the worker, from 1.3 on. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** JSON in the order of Dynamo's own serializer. */
export function encodeControlMessage(message: ControlMessage): string {
  const { id, connectionInfo, payloadCodec, metadata } = message;
  const { transport, info } = connectionInfo;
  const codec = payloadCodec ? `,"payload_codec":"${payloadCodec}"` : "";
  const context =
    metadata && Object.keys(metadata).length > 0 ? `,"metadata":${JSON.stringify(metadata)}` : "";
  return (
    `{"id":${JSON.stringify(id)},"request_type":"single_in","response_type":"many_out"${codec},` +
    `"connection_info":{"transport":${JSON.stringify(transport)},"info":${JSON.stringify(info)}}${context}}`
  );
}

const ID_HEAD = Buffer.from('{"id":"');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Reads control messages, and remembers the last one: those of one in-band caller differ in nothing but their id,
 * which stands in front.
 */
export class ControlMessageDecoder {
  /** What followed the last id, and what it meant. */
  #rest: Buffer = Buffer.alloc(0);
  #last: ControlMessage | undefined;

  /** The message between `start` and `end`, as {@link decodeControlMessage}. */
  decode(bytes: Buffer, start: number, end: number): ControlMessage {
    const idStart = start + ID_HEAD.length;
    const idEnd = endOfId(bytes, idStart, end);
    if (this.#last && idEnd > 0 && this.#rest.compare(bytes, idEnd, end) === 0 && isIdHead(bytes, start)) {
      const { connectionInfo, payloadCodec, metadata } = this.#last;
      return { id: bytes.toString("latin1", idStart, idEnd), connectionInfo, payloadCodec, metadata };
    }
    const message = decodeControlMessage(bytes.toString("utf8", start, end));
    // What says where to call home is another each time.
    if (idEnd > 0 && message.connectionInfo.info === "" && isIdHead(bytes, start)) {
      this.#last = message;
      this.#rest = Buffer.from(bytes.subarray(idEnd, end));
    }
    return message;
  }
}

/** The quotation mark behind an id that means itself, or -1. */
function endOfId(bytes: Buffer, idStart: number, end: number): number {
  for (let at = idStart; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH || byte < 0x20 || byte > 0x7e) return -1;
  }
  return -1;
}

function isIdHead(bytes: Buffer, start: number): boolean {
  return ID_HEAD.compare(bytes, start, start + ID_HEAD.length) === 0;
}

/** Throws `protocol_error`. Fields that aren't known are ignored, as every release does. */
export function decodeControlMessage(json: string): ControlMessage {
  const value = parseObject(json);
  const { id, request_type: requestType, payload_codec: payloadCodec, metadata } = value;
  if (typeof id !== "string") throw invalid("no id");
  if (requestType !== "single_in") throw invalid("request_type is not single_in");
  if (payloadCodec !== undefined && payloadCodec !== "json" && payloadCodec !== "msgpack") {
    throw invalid("unknown payload_codec");
  }
  return {
    id,
    connectionInfo: connectionInfoOf(value["connection_info"]),
    payloadCodec,
    metadata: isStringMap(metadata) ? metadata : undefined,
  };
}

function connectionInfoOf(value: unknown): ConnectionInfo {
  if (typeof value !== "object" || value === null) throw invalid("no connection_info");
  const { transport, info } = value as Record<string, unknown>;
  if (typeof transport !== "string" || typeof info !== "string") throw invalid("bad connection_info");
  return { transport, info };
}

function parseObject(json: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw invalid("not JSON", cause);
  }
  if (typeof value !== "object" || value === null) throw invalid("not an object");
  return value as Record<string, unknown>;
}

function isStringMap(value: unknown): value is Record<string, string> {
  return (
    typeof value === "object" && value !== null && Object.values(value).every((v) => typeof v === "string")
  );
}

function invalid(what: string, cause?: unknown): RequestPlaneError {
  return new RequestPlaneError("protocol_error", `Invalid control message: ${what}`, { cause });
}
