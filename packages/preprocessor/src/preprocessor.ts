/**
 * One model, from chats and texts to tokens and back.
 */
import type { ModelCard } from "@dynamo/discovery";
import { chatTemplateOf } from "./chat-template.ts";
import type { Chat, ChatTemplate } from "./chat-template.ts";
import { Detokenizer } from "./detokenizer.ts";
import { badRequest } from "./errors.ts";
import { decoderFactory } from "./incremental-decoder.ts";
import type { DecoderFactory } from "./incremental-decoder.ts";
import { mdcSum } from "./mdc-sum.ts";
import { contextLength, endTokens } from "./model-facts.ts";
import { readModelFiles } from "./model-files.ts";
import type { FileOptions, ModelFiles } from "./model-files.ts";
import type { PreprocessedRequest } from "./protocol/index.ts";
import { Tokenizer } from "./tokenizer.ts";
import type { PromptFiles, TokenizerPool } from "./tokenizer-pool.ts";
import { isLong } from "./value-size.ts";

/**
 * Longer texts and chats, in characters, go to another thread. This many take a few milliseconds here; handing a text
 * over and the ids back takes less than one.
 */
const LONG_TEXT = 4096;

/** A chat as the model gets it. */
export interface ChatPrompt {
  readonly text: string;
  readonly ids: number[];
}

export class Preprocessor {
  /** Longest sequence in tokens, prompt and answer together; `undefined` when the worker doesn't say. */
  readonly contextLength: number | undefined;
  /** Tokens by which the model says that its answer is over. */
  readonly endTokens: readonly number[];
  /** Checksum of the card, as workers compute it. */
  readonly mdcSum: string;
  readonly #files: PromptFiles;
  readonly #tokenizer: Tokenizer;
  readonly #vocabulary: DecoderFactory;
  readonly #template: ChatTemplate | undefined;
  readonly #pool: TokenizerPool;

  /** Throws `invalid_configuration` for files that can't be used. */
  constructor(card: ModelCard, files: ModelFiles, pool: TokenizerPool) {
    const { tokenizer, tokenizerConfig, chatTemplate } = files;
    this.#files = { tokenizer, tokenizerConfig, chatTemplate };
    this.#tokenizer = new Tokenizer(files);
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

  /**
   * The prompt of a chat. Long ones are rendered on another thread, which tokenizes them too. Rejects with
   * `invalid_argument` when the model has no template or when that refuses the chat, and as
   * {@link TokenizerPool.tokenize} does.
   */
  async chatPrompt(chat: Chat): Promise<ChatPrompt> {
    if (!this.#template) {
      throw badRequest("The model has no chat template; it takes prompts only, at /v1/completions");
    }
    if (isLong(chat, LONG_TEXT)) return this.#pool.chatPrompt(this.#files, chat);
    const text = this.#template.render(chat);
    return { text, ids: await this.tokenize(text, false) };
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
