/** A model's chat template, tokenizer and detokenizer, from the files that its card names. */
export { Preprocessor } from "./preprocessor.ts";
export type { ChatPrompt } from "./preprocessor.ts";
export type { Chat } from "./chat-template.ts";
export type { Detokenized, Detokenizer, Stopped } from "./detokenizer.ts";
export { readModelFiles } from "./model-files.ts";
export type { FileOptions, ModelFiles } from "./model-files.ts";
export { mdcSum } from "./mdc-sum.ts";
export { TokenizerPool } from "./tokenizer-pool.ts";
export type { PromptFiles, TokenizerPoolOptions } from "./tokenizer-pool.ts";
export type { TokenizerFiles } from "./tokenizer.ts";
