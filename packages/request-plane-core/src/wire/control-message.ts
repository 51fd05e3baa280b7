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

const ID_HEAD = '{"id":"';

/**
 * Reads control messages, and remembers the last one: those of one in-band caller differ in nothing but their id,
 * which stands in front.
 */
export class ControlMessageDecoder {
  #rest = "";
  #last: ControlMessage | undefined;

  /** As {@link decodeControlMessage}. */
  decode(json: string): ControlMessage {
    const idEnd = json.startsWith(ID_HEAD) ? json.indexOf('"', ID_HEAD.length) : -1;
    if (idEnd < 0) return decodeControlMessage(json);
    const id = json.slice(ID_HEAD.length, idEnd);
    if (this.#last && json.length - idEnd === this.#rest.length && json.endsWith(this.#rest) && isPlain(id)) {
      const { connectionInfo, payloadCodec, metadata } = this.#last;
      return { id, connectionInfo, payloadCodec, metadata };
    }
    this.#last = decodeControlMessage(json);
    this.#rest = json.slice(idEnd);
    return this.#last;
  }
}

/** Whether the text means itself inside a JSON string. */
function isPlain(text: string): boolean {
  return !text.includes("\\") && !CONTROL_CHARACTER.test(text);
}

// eslint-disable-next-line no-control-regex -- they may not stand in a JSON string
const CONTROL_CHARACTER = /[\u0000-\u001f]/;

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
    ...(payloadCodec && { payloadCodec }),
    ...(isStringMap(metadata) && { metadata }),
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
