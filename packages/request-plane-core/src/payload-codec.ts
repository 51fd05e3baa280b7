/**
 * How payloads and items become bytes. JSON is what every release reads and writes; a process may have one more
 * codec, for instances that advertise it.
 *
 * Source: wire-protocol notes, section 1.3.
 */
import { parseAnyJson } from "./json.ts";
import type { PayloadCodecName } from "./wire/control-message.ts";

/** A codec beside JSON, which is built in and written as text. */
export interface PayloadCodec {
  /** As instance records and control messages call it. */
  readonly name: PayloadCodecName;
  /** Bytes that nobody else keeps. Throws for a value that the codec can't hold. */
  encode(value: unknown): Uint8Array;
  /** Throws for bytes that are no value, and for more than one. */
  decode(bytes: Uint8Array): unknown;
}

/** A request that is encoded already, sent as it is. */
export class EncodedPayload {
  readonly bytes: Uint8Array;
  readonly codec: PayloadCodecName;

  constructor(bytes: Uint8Array, codec: PayloadCodecName) {
    this.bytes = bytes;
    this.codec = codec;
  }
}

/** An item that is JSON text already, sent as it is: one value, without halves of characters. */
export class EncodedItem {
  readonly json: string;

  constructor(json: string) {
    this.json = json;
  }
}

/**
 * A value as JSON text; what JSON has no word for becomes null. Big integers are written in full. Half a
 * character, as in a text cut between two UTF-16 units, becomes U+FFFD: Rust readers refuse the whole frame
 * for its escape.
 */
export function encodeJson(value: unknown): string {
  const json = toJson(value);
  // One character is found sooner than three.
  if (!json.includes("\\") || !json.includes("\\ud")) return json;
  return json.replaceAll(/\\(?:\\|ud[0-9a-f]{3})/g, (escape) => (escape === "\\\\" ? escape : "\\ufffd"));
}

/** From so many digits on a number may be beyond 2^53. */
const LONG = 16;
/** Such a number. Those of a fraction are not looked at, nor those of a text. */
const LONG_NUMBER = /(?:^|[[,:\s-])\d{16}/;

/**
 * The value of a JSON text, with whole numbers beyond 2^53 as `bigint`. Looking for them costs next to nothing,
 * reading them several times what `JSON.parse` does. Throws `SyntaxError`.
 */
export function decodeJson(text: string): unknown {
  return hasManyDigits(text) && LONG_NUMBER.test(text) ? parseAnyJson(text) : JSON.parse(text);
}

/** Whether there are `LONG` digits in a row somewhere: no more characters than one of so many need be looked at. */
function hasManyDigits(text: string): boolean {
  for (let at = LONG - 1; at < text.length; at += LONG) {
    if (!isDigitAt(text, at)) continue;
    let start = at;
    while (isDigitAt(text, start - 1)) start -= 1;
    while (isDigitAt(text, at + 1)) at += 1;
    if (at - start + 1 >= LONG) return true;
  }
  return false;
}

function isDigitAt(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= DIGIT_0 && unit <= DIGIT_9;
}

const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;

function toJson(value: unknown): string {
  try {
    return stringify(value) ?? "null";
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return JSON.stringify(value, bigintAsNumber);
  }
}

function bigintAsNumber(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? rawJson(value.toString()) : value;
}

/** As it is: there is no text for undefined, functions and symbols. */
const stringify: (value: unknown) => string | undefined = JSON.stringify;

/** A value that is written as it was read, numbers of any size and form too. Several times slower than `JSON.parse`. */
export function parseExactJson(text: string): unknown {
  return parse(text, (_key, value, { source }) =>
    typeof value === "number" && source !== undefined ? rawJson(source) : value,
  );
}

/** In V8 since Node 22, not in TypeScript's library yet. */
const { parse, rawJSON: rawJson } = JSON as unknown as {
  parse: (text: string, reviver: ExactReviver) => unknown;
  rawJSON: (text: string) => object;
};

type ExactReviver = (key: string, value: unknown, context: { source?: string }) => unknown;
