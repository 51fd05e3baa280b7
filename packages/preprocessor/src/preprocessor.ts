/**
 * One model, from chats and texts to tokens and back.
 */
import type { ModelCard } from "@dynamo/discovery";
import { ChatTemplate, templateSource } from "./chat-template.ts";
import type { Chat } from "./chat-template.ts";
import { Detokenizer } from "./detokenizer.ts";
import { badRequest } from "./errors.ts";
import { decoderFactory } from "./incremental-decoder.ts";
import type { DecoderFactory } from "./incremental-decoder.ts";
import { mdcSum } from "./mdc-sum.ts";
import { contextLength, endTokens, specialTokens } from "./model-facts.ts";
import { readModelFiles } from "./model-files.ts";
import type { FileOptions, ModelFiles } from "./model-files.ts";
import type { PreprocessedRequest } from "./protocol/index.ts";
import { Tokenizer } from "./tokenizer.ts";
import type { TokenizerFiles } from "./tokenizer.ts";
import type { TokenizerPool } from "./tokenizer-pool.ts";

/**
 * Longer texts, in characters, go to another thread. This many take a few milliseconds here; handing a text over and
 * the ids back takes less than one.
 */
const LONG_TEXT = 4096;

export class Preprocessor {
  /** Longest sequence in tokens, prompt and answer together; `undefined` when the worker doesn't say. */
  readonly contextLength: number | undefined;
  /** Tokens by which the model says that its answer is over. */
  readonly endTokens: readonly number[];
  /** Checksum of the card, as workers compute it. */
  readonly mdcSum: string;
  readonly #files: TokenizerFiles;
  readonly #tokenizer: Tokenizer;
  readonly #vocabulary: DecoderFactory;
  readonly #template: ChatTemplate | undefined;
  readonly #pool: TokenizerPool;

  /** Throws `invalid_configuration` for files that can't be used. */
  constructor(card: ModelCard, files: ModelFiles, pool: TokenizerPool) {
    this.#files = { tokenizer: files.tokenizer, tokenizerConfig: files.tokenizerConfig };
    this.#tokenizer = new Tokenizer(this.#files);
    this.#vocabulary = decoderFactory(this.#tokenizer, files.tokenizer);
    this.#template = chatTemplateOf(files);
    this.#pool = pool;
    this.contextLength = contextLength(card);
    this.endTokens = endTokens(files, this.#tokenizer);
    this.mdcSum = mdcSum(card);
  }

  /**
   * Reads the files that the card names. Rejects with `invalid_configuration`, which says which one can't be used and
   * why. The pool may serve any number of models and is closed by whoever made it.
   */
  static async load(card: ModelCard, pool: TokenizerPool, options: FileOptions = {}): Promise<Preprocessor> {
    return new Preprocessor(card, await readModelFiles(card, options), pool);
  }

  /** The prompt of a chat. Throws `invalid_argument` when the model has no template, or when that refuses the chat. */
  render(chat: Chat): string {
    if (this.#template) return this.#template.render(chat);
    throw badRequest("The model has no chat template; it takes prompts only, at /v1/completions");
  }

  /**
   * Token ids of a text. `addSpecialTokens` adds those that the tokenizer puts around each text; prompts of a chat have
   * theirs already. Rejects as {@link TokenizerPool.tokenize} does.
   */
  async tokenize(text: string, addSpecialTokens: boolean): Promise<number[]> {
    if (text.length <= LONG_TEXT) return this.#tokenizer.encode(text, addSpecialTokens);
    return this.#pool.tokenize(this.#files, text, addSpecialTokens);
  }

  /** The text of tokens, all at once. */
  decode(ids: readonly number[], skipSpecialTokens: boolean): string {
    return this.#tokenizer.decode(ids, skipSpecialTokens);
  }

  /** For the answer to one request. */
  detokenizer(request: PreprocessedRequest): Detokenizer {
    const skipSpecialTokens = request.output_options.skip_special_tokens ?? true;
    return new Detokenizer(this.#vocabulary.decoder(skipSpecialTokens), request);
  }

  /** The text of one token by itself; of a piece of a character it is U+FFFD. */
  textOf(id: number): string {
    return this.#vocabulary.textOf(id);
  }

  /** The bytes of one token. */
  bytesOf(id: number): Uint8Array {
    return this.#vocabulary.bytesOf(id);
  }
}

function chatTemplateOf({ chatTemplate, tokenizerConfig }: ModelFiles): ChatTemplate | undefined {
  const source = chatTemplate === undefined ? templateSource(tokenizerConfig) : { default: chatTemplate };
  return source && new ChatTemplate(source, specialTokens(tokenizerConfig));
}
