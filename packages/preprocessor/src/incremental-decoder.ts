/**
 * Token ids as text, one after the other. A character whose bytes are spread over several tokens comes with the last of
 * them; all texts together are what decoding all tokens at once gives.
 */
import { byteValues } from "./byte-level.ts";
import { isFields } from "./protocol/fields.ts";
import type { Fields } from "./protocol/fields.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface IncrementalDecoder {
  /** The text that this token completes; empty while a character is not whole. */
  push(id: number): string;
  /** What is left of a character that never became whole. */
  end(): string;
}

/** Makes decoders of one vocabulary. */
export interface DecoderFactory {
  decoder(skipSpecialTokens: boolean): IncrementalDecoder;
  /** The text of a token by itself. */
  textOf(id: number): string;
  /** Its bytes, where the vocabulary knows them. */
  bytesOf(id: number): Uint8Array;
}

export function decoderFactory(tokenizer: Tokenizer, tokenizerFile: Fields): DecoderFactory {
  return isByteLevel(tokenizerFile["decoder"])
    ? new ByteLevelVocabulary(tokenizer)
    : new WindowedVocabulary(tokenizer);
}

/** Nearly all models of today: each token stands for bytes. */
function isByteLevel(decoder: unknown): boolean {
  if (!isFields(decoder)) return false;
  if (decoder["type"] === "ByteLevel") return true;
  const parts = decoder["decoders"];
  return (
    decoder["type"] === "Sequence" && Array.isArray(parts) && parts.length === 1 && isByteLevel(parts[0])
  );
}

/** A token of a byte-level vocabulary. */
interface ByteToken {
  readonly bytes: Uint8Array;
  /** Its text, when its bytes are whole characters. */
  readonly text: string | undefined;
  readonly isSpecial: boolean;
}

const NO_BYTES = new Uint8Array(0);
const UNKNOWN: ByteToken = { bytes: NO_BYTES, text: "", isSpecial: false };

class ByteLevelVocabulary implements DecoderFactory {
  readonly #tokenizer: Tokenizer;
  readonly #tokens: (ByteToken | undefined)[] = [];

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  decoder(skipSpecialTokens: boolean): IncrementalDecoder {
    return new ByteLevelDecoder(this, skipSpecialTokens);
  }

  textOf(id: number): string {
    const { text, bytes } = this.token(id);
    return text ?? toText(bytes);
  }

  bytesOf(id: number): Uint8Array {
    return this.token(id).bytes;
  }

  token(id: number): ByteToken {
    return this.#tokens[id] ?? this.#look(id);
  }

  #look(id: number): ByteToken {
    const name = this.#tokenizer.tokenOf(id);
    // Not kept: ids that aren't there are without number.
    if (name === undefined) return UNKNOWN;
    const added = this.#tokenizer.addedToken(id);
    const bytes = added ? Buffer.from(added.content) : (byteValues(name) ?? Buffer.from(name));
    const text = toText(bytes);
    const isWhole = Buffer.from(text).equals(bytes);
    const token = { bytes, text: isWhole ? text : undefined, isSpecial: added?.special === true };
    this.#tokens[id] = token;
    return token;
  }
}

class ByteLevelDecoder implements IncrementalDecoder {
  readonly #vocabulary: ByteLevelVocabulary;
  readonly #skipSpecialTokens: boolean;
  /** The beginning of a character, at most three bytes. */
  #pending: Uint8Array = NO_BYTES;

  constructor(vocabulary: ByteLevelVocabulary, skipSpecialTokens: boolean) {
    this.#vocabulary = vocabulary;
    this.#skipSpecialTokens = skipSpecialTokens;
  }

  push(id: number): string {
    const { bytes, text, isSpecial } = this.#vocabulary.token(id);
    if (isSpecial && this.#skipSpecialTokens) return "";
    if (text !== undefined && this.#pending.length === 0) return text;
    const all = Buffer.concat([this.#pending, bytes]);
    const whole = wholeCharacters(all);
    this.#pending = all.subarray(whole);
    return toText(all.subarray(0, whole));
  }

  end(): string {
    const rest = toText(this.#pending);
    this.#pending = NO_BYTES;
    return rest;
  }
}

/** How many of the bytes come before a character that has begun and is not whole. */
function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) break;
    if (byte >= 0xc0) return back < lengthOf(byte) ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** Of the character that begins with this byte; 1 for a byte that begins none. */
function lengthOf(lead: number): number {
  if (lead >= 0xf8) return 1;
  return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

/** Bytes that are no character become U+FFFD. */
function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
}

/** Vocabularies whose tokens depend on each other, for example on whether one is the first. */
class WindowedVocabulary implements DecoderFactory {
  readonly #tokenizer: Tokenizer;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  decoder(skipSpecialTokens: boolean): IncrementalDecoder {
    return new WindowedDecoder(this.#tokenizer, skipSpecialTokens);
  }

  textOf(id: number): string {
    return this.#tokenizer.decode([id], false);
  }

  bytesOf(id: number): Uint8Array {
    return Buffer.from(this.textOf(id));
  }
}

/** A character has four bytes at most, and a token at least one. What still isn't whole by then never will be. */
const MAX_UNDECODED = 8;

/** Decodes the last few tokens again with each new one, and takes what is new in the text. */
class WindowedDecoder implements IncrementalDecoder {
  readonly #tokenizer: Tokenizer;
  readonly #skipSpecialTokens: boolean;
  /** Tokens whose text is known, for what they mean to the next ones, then those whose text is not whole. */
  #ids: number[] = [];
  #decoded = 0;
  #before = "";

  constructor(tokenizer: Tokenizer, skipSpecialTokens: boolean) {
    this.#tokenizer = tokenizer;
    this.#skipSpecialTokens = skipSpecialTokens;
  }

  push(id: number): string {
    // Were it among the last tokens alone, the next one would be taken for the first of the text.
    if (!this.#isShown(id)) return "";
    this.#ids.push(id);
    const text = this.#tokenizer.decode(this.#ids, this.#skipSpecialTokens);
    if (text.endsWith("\u{fffd}") && this.#ids.length - this.#decoded < MAX_UNDECODED) return "";
    return this.#take(text);
  }

  end(): string {
    return this.#decoded === this.#ids.length
      ? ""
      : this.#take(this.#tokenizer.decode(this.#ids, this.#skipSpecialTokens));
  }

  #isShown(id: number): boolean {
    if (this.#tokenizer.tokenOf(id) === undefined) return false;
    return !this.#skipSpecialTokens || this.#tokenizer.addedToken(id)?.special !== true;
  }

  #take(text: string): string {
    const added = text.slice(this.#before.length);
    this.#ids = this.#ids.slice(this.#decoded);
    this.#decoded = this.#ids.length;
    this.#before = this.#tokenizer.decode(this.#ids, this.#skipSpecialTokens);
    return added;
  }
}
