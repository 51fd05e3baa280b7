/**
 * The bodies of data frames, in each of their forms, and the JSON text of an item without parsing it.
 *
 * Source: wire-protocol notes, sections 5.2 and 10.1.
 */
import type { Annotated } from "./annotated.ts";
import { RequestPlaneError } from "./errors.ts";
import { decodeJson, parseExactJson } from "./payload-codec.ts";
import type { PayloadCodec } from "./payload-codec.ts";
import type { Frame } from "./response-buffer.ts";
import { ITEM_HEAD, ITEM_TAIL } from "./wire/response-frames.ts";

/** The body of a data frame of call-home (`NetworkStreamWrapper` in Dynamo). */
export interface Wrapper<T> {
  readonly data?: Annotated<T>;
  readonly complete_final?: boolean;
}

/** What a frame in a codec other than JSON holds. Throws `protocol_error` for what is no frame. */
export function decodeEncodedFrame<T>({ bytes, start, end, form }: Frame, codec: PayloadCodec): Wrapper<T> {
  if (form === "items") throw protocolError(`Items in ${codec.name} come in frames of their own`);
  let value: unknown;
  try {
    value = codec.decode(bytes.subarray(start, end));
  } catch (cause) {
    throw protocolError(`A frame of the response is not ${codec.name}`, cause);
  }
  if (form === "item") return { data: { data: value as T } };
  const object: object = requireObject(value);
  return form === "annotated" ? { data: object } : object;
}

/** What a frame in JSON holds. Throws `protocol_error` for what is no frame. */
export function decodeFrame<T>(frame: Frame): Wrapper<T> {
  const { bytes, start, end, form } = frame;
  const item = form === "wrapped" ? decodeItem<T>(frame) : undefined;
  if (item) return item;
  const text = bytes.toString("utf8", start, end);
  if (form === "item") return { data: { data: parse(text) as T } };
  const object: object = parseObject(text);
  return form === "annotated" ? { data: object } : object;
}

/** What nearly all wrappers hold, an item and nothing else, is read without what is around it. */
function decodeItem<T>(frame: Frame): Wrapper<T> | undefined {
  if (!isWrappedData(frame)) return undefined;
  try {
    return { data: { data: decodeJson(textInWrapper(frame)) as T } };
  } catch {
    // More than data in the envelope, or no JSON at all.
    return undefined;
  }
}

/** Whether there is nothing but an item in a frame, as far as can be seen without parsing it. */
export function isPlainItem(frame: Frame): boolean {
  return frame.form === "item" || (frame.form === "wrapped" && isWrappedData(frame));
}

/** Where the text of such an item begins. */
export function itemStart({ start, form }: Frame): number {
  return form === "item" ? start : start + WRAPPER_HEAD.length;
}

/** Where it ends. */
export function itemEnd({ end, form }: Frame): number {
  return form === "item" ? end : end - WRAPPER_TAIL.length;
}

/** Whether a wrapper is written as most are whose envelope has nothing but data. Bytes tell faster than text. */
function isWrappedData({ bytes, start, end }: Frame): boolean {
  const tailStart = end - WRAPPER_TAIL.length;
  return (
    start + WRAPPER_HEAD.length <= tailStart &&
    isAt(bytes, start, WRAPPER_HEAD) &&
    isAt(bytes, tailStart, WRAPPER_TAIL)
  );
}

function isAt(bytes: Buffer, start: number, expected: Buffer): boolean {
  for (let index = 0; index < expected.length; index += 1)
    if (bytes[start + index] !== expected[index]) return false;
  return true;
}

function textInWrapper(frame: Frame): string {
  return frame.bytes.toString("utf8", itemStart(frame), itemEnd(frame));
}

const WRAPPER_HEAD = Buffer.from(ITEM_HEAD);
const WRAPPER_TAIL = Buffer.from(ITEM_TAIL);

/** The JSON text of a frame's item, or `undefined` when it must be decoded to know what it is. */
export function jsonOfFrame(frame: Frame): string | undefined {
  const { bytes, start, end, form } = frame;
  if (form === "item") return bytes.toString("utf8", start, end);
  return form === "wrapped" && isWrappedData(frame) ? valueOf(textInWrapper(frame)) : undefined;
}

/** The JSON text of the data in a frame's envelope, with numbers as the worker wrote them. */
export function jsonOfData({ bytes, start, end, form }: Frame): string {
  const frame = parseExactJson(bytes.toString("utf8", start, end)) as Wrapper<unknown>;
  return JSON.stringify(form === "wrapped" ? frame.data?.data : frame.data);
}

/** The text when it is one JSON value, as far as can be seen without parsing it. */
function valueOf(text: string): string | undefined {
  return text !== "" && endOfValue(text) === text.length ? text : undefined;
}

/** Where the JSON value ends that the text begins with, or -1. The value is not checked further. */
function endOfValue(text: string): number {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      at = endOfString(text, at);
      if (at < 0) return -1;
    } else if (unit === BRACE || unit === BRACKET) depth += 1;
    else if (unit === BRACE_END || unit === BRACKET_END) depth -= 1;
    else if (unit === COMMA && depth === 0) return at;
    if (depth < 0) return at;
  }
  return depth === 0 ? text.length : -1;
}

/** The closing quotation mark of the string at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end >= 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes += 1;
  return slashes % 2 === 1;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const BRACKET = 0x5b;
const BRACKET_END = 0x5d;
const BRACE = 0x7b;
const BRACE_END = 0x7d;

function parseObject(text: string): object {
  return requireObject(parse(text));
}

function requireObject(value: unknown): object {
  if (typeof value === "object" && value !== null) return value;
  throw protocolError("A frame of the response is not an object");
}

function parse(text: string): unknown {
  try {
    return decodeJson(text);
  } catch (cause) {
    throw protocolError("A frame of the response is not JSON", cause);
  }
}

function protocolError(message: string, cause?: unknown): RequestPlaneError {
  return new RequestPlaneError("protocol_error", message, { cause });
}
