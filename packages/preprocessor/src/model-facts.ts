/**
 * What a model's files and its card say besides the vocabulary.
 *
 * Source: interop notes, sections B1 and B3.
 */
import type { ModelCard } from "@dynamo/discovery";
import type { ModelFiles } from "./model-files.ts";
import { isFields, isU32 } from "./protocol/fields.ts";
import type { Fields } from "./protocol/fields.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Longest sequence in tokens, prompt and answer together, as the worker says; `undefined` when it doesn't. */
export function contextLength({
  runtime_config: runtime,
  context_length: ofCard,
}: ModelCard): number | undefined {
  const [known] = [runtime?.context_length, ofCard].filter((length) => length !== undefined && length > 0);
  return known;
}

/** Tokens by which the model says that its answer is over, from wherever its files name them. */
export function endTokens(
  { config, generationConfig, tokenizerConfig }: ModelFiles,
  tokenizer: Tokenizer,
): number[] {
  const textConfig = config?.["text_config"];
  const sources = [generationConfig, config, isFields(textConfig) ? textConfig : undefined];
  const ids = sources.flatMap((source) => [source?.["eos_token_id"]].flat()).filter(isU32);
  const name = specialTokens(tokenizerConfig)["eos_token"];
  const named = name === undefined ? undefined : tokenizer.idOf(name);
  return [...new Set(named === undefined ? ids : [...ids, named])];
}

const SPECIAL_TOKENS = ["bos_token", "eos_token", "unk_token", "pad_token"];

/** Texts of special tokens by their names, for templates. */
export function specialTokens(tokenizerConfig: Fields): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const name of SPECIAL_TOKENS) {
    const token = tokenizerConfig[name];
    const text = isFields(token) ? token["content"] : token;
    if (typeof text === "string") texts[name] = text;
  }
  return texts;
}
