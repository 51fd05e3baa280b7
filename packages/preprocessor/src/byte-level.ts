/** The characters by which byte-level vocabularies write bytes. Source: GPT-2's tokenizer. */

const isPrinted = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;

const BYTES = Array.from({ length: 256 }, (_unused, byte) => byte);
const UNPRINTED = BYTES.filter((byte) => !isPrinted(byte));

/** Printed characters of Latin-1 stand for themselves, all other bytes for the characters from U+0100 on, in order. */
const VALUES: ReadonlyMap<string, number> = new Map(
  BYTES.map((byte) => [String.fromCodePoint(isPrinted(byte) ? byte : 0x100 + UNPRINTED.indexOf(byte)), byte]),
);

/** The bytes of a token; `undefined` when it has a character that stands for none. */
export function byteValues(token: string): Uint8Array | undefined {
  const bytes = Array.from(token, (character) => VALUES.get(character));
  return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes) : undefined;
}
