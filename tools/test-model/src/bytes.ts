/** The characters that stand for bytes in the vocabulary of a byte-level tokenizer. Source: GPT-2's tokenizer. */

/** Bytes that stand for themselves: those that are printed, in Latin-1. */
function isPrinted(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

/** The character of each byte. Those that can't be printed get the characters from U+0100 on, in order. */
export const BYTE_CHARACTERS: readonly string[] = Array.from({ length: 256 }, (_unused, byte) => {
  if (isPrinted(byte)) return String.fromCodePoint(byte);
  const unprinted = Array.from({ length: byte }, (_none, at) => at).filter((at) => !isPrinted(at)).length;
  return String.fromCodePoint(0x100 + unprinted);
});

/** The text as the characters of its bytes. */
export function toByteCharacters(text: string): string[] {
  return [...Buffer.from(text)].map((byte) => BYTE_CHARACTERS[byte] ?? "");
}
