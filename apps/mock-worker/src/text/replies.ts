/**
 * What the worker answers, as a list of tokens. A token here is a word with the space before it, so the
 * tokens of a text, put together, are the text.
 */
import type { Random } from "../random.ts";

export const REPLY_KINDS = ["echo", "fixed", "words"] as const;
export type ReplyKind = (typeof REPLY_KINDS)[number];

export interface ReplySettings {
  /** `echo` repeats the question, `fixed` says always the same, `words` makes up a text of `tokens` tokens. */
  readonly reply: ReplyKind;
  /** The answer of `fixed`. */
  readonly replyText: string;
  /** Length of the answer of `words`. */
  readonly tokens: number;
}

/** Longer words are cut, so that no token is of unbounded size. */
const TOKEN = /\s*\S{1,16}|\s+$/gu;

const WORDS =
  "the a one stream token request worker answer cache block router frontend plane model carries reads sends " +
  "waits returns follows holds fast slow warm cold long short next last every other over under through and";

const VOCABULARY = WORDS.split(" ");

export function tokenise(text: string): string[] {
  return text.match(TOKEN) ?? [];
}

/** @param needed of a longer made-up text, the rest is not made */
export function replyTokens(
  settings: ReplySettings,
  question: string,
  random: Random,
  needed = Infinity,
): string[] {
  switch (settings.reply) {
    case "echo":
      return tokenise(question);
    case "fixed":
      return tokenise(settings.replyText);
    case "words":
      return Array.from(
        { length: Math.min(settings.tokens, needed) },
        (_, index) => (index ? " " : "") + pick(random),
      );
  }
}

function pick(random: Random): string {
  return VOCABULARY[Math.floor(random() * VOCABULARY.length)] ?? "the";
}
