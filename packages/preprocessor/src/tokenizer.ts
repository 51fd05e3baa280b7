/**
 * Text as token ids, by the model's `tokenizer.json`.
 */
import * as library from "@huggingface/tokenizers";
import { badModel, messageOf } from "./errors.ts";
import { isFields } from "./protocol/fields.ts";
import type { Fields } from "./protocol/fields.ts";

/** What is used of the library. Its own types name their modules in a way that only bundlers find. */
interface Library {
  encode(text: string, options: { add_special_tokens: boolean }): { readonly ids: number[] };
  decode(
    ids: readonly number[],
    options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean },
  ): string;
  id_to_token(id: number): string | undefined;
  token_to_id(token: string): number | undefined;
  get_added_tokens_decoder(): ReadonlyMap<number, AddedToken>;
}

const { Tokenizer: LibraryTokenizer } = library as unknown as {
  readonly Tokenizer: new (tokenizer: Fields, config: Fields) => Library;
};

/** A special token, or another one whose text stands for itself. */
export interface AddedToken {
  readonly content: string;
  readonly special: boolean;
}

/** The two files that make a tokenizer. */
export interface TokenizerFiles {
  readonly tokenizer: Fields;
  readonly tokenizerConfig: Fields;
}

export class Tokenizer {
  readonly #library: Library;
  readonly #addedTokens: ReadonlyMap<number, AddedToken>;

  /** Throws `invalid_configuration` for a type of tokenizer that isn't known. */
  constructor({ tokenizer, tokenizerConfig }: TokenizerFiles) {
    checkType(tokenizer["model"]);
    try {
      this.#library = new LibraryTokenizer(tokenizer, tokenizerConfig);
      this.#addedTokens = this.#library.get_added_tokens_decoder();
    } catch (cause) {
      throw badModel(`tokenizer.json can't be used: ${messageOf(cause)}`, cause);
    }
  }

  /**
   * `addSpecialTokens` adds those that the tokenizer puts around each text, such as the one that begins it. Prompts
   * made by a chat template have them already.
   */
  encode(text: string, addSpecialTokens: boolean): number[] {
    return this.#library.encode(text, { add_special_tokens: addSpecialTokens }).ids;
  }

  /** All at once, special tokens included unless `skipSpecialTokens`. Ids that aren't in the vocabulary have no text. */
  decode(ids: readonly number[], skipSpecialTokens: boolean): string {
    const known = ids.filter((id) => this.#library.id_to_token(id) !== undefined);
    // The library refuses an empty list.
    if (known.length === 0) return "";
    return this.#library.decode(known, {
      skip_special_tokens: skipSpecialTokens,
      clean_up_tokenization_spaces: false,
    });
  }

  /** The token as it stands in the vocabulary; `undefined` for an id that isn't there. */
  tokenOf(id: number): string | undefined {
    return this.#library.id_to_token(id);
  }

  /** Undefined for a token of the model's own vocabulary. */
  addedToken(id: number): AddedToken | undefined {
    return this.#addedTokens.get(id);
  }

  idOf(token: string): number | undefined {
    return this.#library.token_to_id(token);
  }
}

/** The library takes what it doesn't know for something that it does. */
const TYPES: readonly unknown[] = ["BPE", "Unigram", "WordPiece"];

function checkType(model: unknown): void {
  const type = isFields(model) ? model["type"] : undefined;
  if (TYPES.includes(type)) return;
  throw badModel(`tokenizer.json can't be used: its type is ${String(type)}, not one of ${TYPES.join(", ")}`);
}
