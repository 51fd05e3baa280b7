/**
 * The request frame of the TCP plane, in both dialects.
 *
 *     0.7            u16 path length | path | u32 payload length | payload
 *     0.8 and newer  u16 path length | path | u16 headers length | headers | u32 payload length | payload
 *
 * Big-endian; headers are a JSON object of strings. Nothing in the frame says which dialect it is in.
 * Source: wire-protocol notes, section 2.1; lib/runtime/src/pipeline/network/codec.rs of ai-dynamo/dynamo.
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { Headers, MeasureFrame } from "@dynamo/request-plane-core";

export type FrameDialect = "0.7" | "0.8";

/** What a u16 length can say. */
const MAX_FIELD_BYTES = 0xffff;

export interface RequestFrame {
  readonly path: string;
  /** Empty in the 0.7 dialect, and where they can't be read as strings. */
  readonly headers: Headers;
  readonly payload: Buffer;
}

/** The path picks the dialect: one segment in 0.7, two or four with the instance's id from 0.8 on. */
export function dialectOfPath(path: string): FrameDialect {
  return path.includes("/") ? "0.8" : "0.7";
}

/** As JSON text; none at all is no text. Throws `invalid_argument` when they are too long. */
export function encodeHeaders(headers: Headers): string {
  for (const _name in headers) return checkedLength(JSON.stringify(headers));
  return "";
}

function checkedLength(text: string): string {
  const actual = Buffer.byteLength(text);
  if (actual <= MAX_FIELD_BYTES) return text;
  throw fieldTooLong(actual);
}

function fieldTooLong(actual: number): RequestPlaneError {
  const message = `Path and headers may have ${MAX_FIELD_BYTES} bytes each`;
  return new RequestPlaneError("invalid_argument", message, { facts: { limit: MAX_FIELD_BYTES, actual } });
}

/** Everything of a frame in front of its payload. Throws `invalid_argument` when path or headers are too long. */
export function encodeFrameHead(path: string, headers: Headers, payloadBytes: number): Buffer {
  const pathBytes = Buffer.byteLength(path);
  const text = dialectOfPath(path) === "0.8" ? JSON.stringify({ ...headers, "x-endpoint-path": path }) : "";
  const textBytes = Buffer.byteLength(text);
  if (pathBytes > MAX_FIELD_BYTES || textBytes > MAX_FIELD_BYTES) {
    throw fieldTooLong(Math.max(pathBytes, textBytes));
  }
  const head = Buffer.allocUnsafe(2 + pathBytes + (text === "" ? 0 : 2 + textBytes) + 4);
  let offset = head.writeUInt16BE(pathBytes, 0);
  offset += head.write(path, offset);
  if (text !== "") {
    offset = head.writeUInt16BE(textBytes, offset);
    offset += head.write(text, offset);
  }
  head.writeUInt32BE(payloadBytes, offset);
  return head;
}

/**
 * Measures frames of both dialects. Throws `payload_too_large` for one that is larger than `limit` bytes in
 * all, from its head alone.
 */
export function measureRequestFrame(limit: number): MeasureFrame {
  return (bytes, start, end) => {
    const layout = layoutOf(bytes, start, end);
    if (typeof layout === "number") return layout;
    const { payloadStart } = layout;
    const length = payloadStart - start + bytes.readUInt32BE(payloadStart - 4);
    if (length > limit) {
      // The text that Dynamo's own server sends.
      throw new RequestPlaneError(
        "payload_too_large",
        `message too large: ${length} bytes (max: ${limit} bytes)`,
        {
          facts: { actual: length, limit, setting: "DYN_TCP_MAX_MESSAGE_SIZE" },
        },
      );
    }
    return length;
  };
}

/** Reads a frame that is whole. Throws `invalid_argument` when the path is not UTF-8. */
export function decodeRequestFrame(bytes: Buffer, start: number, end: number): RequestFrame {
  const layout = layoutOf(bytes, start, end);
  if (typeof layout === "number") throw new RangeError("The frame is not whole");
  const { pathEnd, headersStart, headersEnd, payloadStart } = layout;
  return {
    path: decodePath(bytes, start + 2, pathEnd),
    headers:
      headersStart === headersEnd ? {} : decodeHeaders(bytes.toString("utf8", headersStart, headersEnd)),
    payload: bytes.subarray(payloadStart, end),
  };
}

interface Layout {
  readonly pathEnd: number;
  readonly headersStart: number;
  readonly headersEnd: number;
  readonly payloadStart: number;
}

/** Where the parts lie, or minus the bytes needed to say so. */
function layoutOf(bytes: Buffer, start: number, end: number): Layout | number {
  const have = end - start;
  if (have < 2) return -2;
  const pathEnd = start + 2 + bytes.readUInt16BE(start);
  // Both dialects have at least four bytes more.
  if (end < pathEnd + 4) return start - pathEnd - 4;
  const headersStart = pathEnd + 2;
  const headersEnd = headersStart + bytes.readUInt16BE(pathEnd);
  const dialect = guessDialect(bytes, start, end, headersEnd);
  if (dialect === undefined) return start - headersEnd - 4;
  if (dialect === "0.7")
    return { pathEnd, headersStart: pathEnd, headersEnd: pathEnd, payloadStart: pathEnd + 4 };
  if (end < headersEnd + 4) return start - headersEnd - 4;
  return { pathEnd, headersStart, headersEnd, payloadStart: headersEnd + 4 };
}

/**
 * A path with a `/` is of 0.8 or newer. Without one it is of 0.7, unless what would be the headers is in
 * braces, which every caller of 0.8 and newer writes. `undefined` while too little is here to see.
 */
function guessDialect(
  bytes: Buffer,
  start: number,
  end: number,
  headersEnd: number,
): FrameDialect | undefined {
  const pathEnd = start + 2 + bytes.readUInt16BE(start);
  const slash = bytes.indexOf(SLASH, start + 2);
  if (slash >= 0 && slash < pathEnd) return "0.8";
  if (headersEnd < pathEnd + 4 || bytes[pathEnd + 2] !== 0x7b) return "0.7";
  if (end < headersEnd) return undefined;
  return bytes[headersEnd - 1] === 0x7d ? "0.8" : "0.7";
}

const SLASH = 0x2f;
/** Stands for what is no UTF-8, among other things. */
const REPLACEMENT = "\ufffd";
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodePath(bytes: Buffer, start: number, end: number): string {
  const path = bytes.toString("utf8", start, end);
  if (!path.includes(REPLACEMENT)) return path;
  try {
    return UTF8.decode(bytes.subarray(start, end));
  } catch (cause) {
    throw new RequestPlaneError("invalid_argument", "Invalid endpoint path", { cause });
  }
}

/** Headers that are not strings by name count as none, as in Dynamo. Names become lower case. */
export function decodeHeaders(json: string): Headers {
  const headers = parseStringMap(json) ?? {};
  // Dynamo's own callers write them so.
  if (isLowerCase(headers)) return headers;
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function isLowerCase(headers: Headers): boolean {
  for (const name in headers) if (name !== name.toLowerCase()) return false;
  return true;
}

function parseStringMap(json: string): Headers | undefined {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return Object.values(value).every((v) => typeof v === "string") ? (value as Headers) : undefined;
  } catch {
    return undefined;
  }
}
