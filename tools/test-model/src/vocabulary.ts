/** The vocabulary: bytes, special tokens, and merges that make up words. */
import { BYTE_CHARACTERS, toByteCharacters } from "./bytes.ts";

export const VOCABULARY_SIZE = 2048;

/** In the order of their ids, which follow those of the bytes. */
export const SPECIAL_TOKENS = ["<s>", "</s>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>"] as const;
export const BOS_ID = 256;
export const EOS_ID = 257;

export interface Vocabulary {
  readonly ids: ReadonlyMap<string, number>;
  /** Pairs of tokens that become one, the first first. */
  readonly merges: readonly (readonly [string, string])[];
}

const SEED = 1;
const SPACE = BYTE_CHARACTERS[0x20] ?? "";
const CONSONANTS = Array.from("bcdfghjklmnpqrstvwxz");
const VOWELS = Array.from("aeiou");
/** Of two, three and four bytes. The pieces of a character are tokens too. */
const CHARACTERS = Array.from("éüñßяд中文你好日本🙂🎉");

export function vocabulary(): Vocabulary {
  const builder = new Builder();
  for (const character of CHARACTERS) builder.addText(character);
  const starts = CONSONANTS.map((letter) => builder.add(SPACE, letter));
  const syllables = product(CONSONANTS, VOWELS).map(([a, b]) => builder.add(a, b));
  for (const [a, b] of product(CONSONANTS, VOWELS)) builder.add(a.toUpperCase(), b);
  const firsts = product(starts, VOWELS).map(([a, b]) => builder.add(a, b));
  const words = [...product(firsts, syllables), ...product(syllables, syllables)];
  for (const [a, b] of shuffled(words)) if (!builder.isFull) builder.add(a, b);
  return builder;
}

class Builder implements Vocabulary {
  readonly ids = new Map<string, number>();
  readonly merges: [string, string][] = [];

  constructor() {
    for (const token of [...BYTE_CHARACTERS, ...SPECIAL_TOKENS]) this.ids.set(token, this.ids.size);
  }

  get isFull(): boolean {
    return this.ids.size >= VOCABULARY_SIZE;
  }

  add(first: string, second: string): string {
    const token = first + second;
    if (this.ids.has(token)) return token;
    this.ids.set(token, this.ids.size);
    this.merges.push([first, second]);
    return token;
  }

  addText(text: string): void {
    toByteCharacters(text).reduce((first, second) => this.add(first, second));
  }
}

function product(first: readonly string[], second: readonly string[]): [string, string][] {
  return first.flatMap((a) => second.map((b): [string, string] => [a, b]));
}

/** In an order that looks random and is always the same. */
function shuffled<Item>(items: readonly Item[]): Item[] {
  const list = [...items];
  let state = SEED;
  for (let last = list.length - 1; last > 0; last--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const other = state % (last + 1);
    [list[last], list[other]] = [list[other], list[last]] as [Item, Item];
  }
  return list;
}
