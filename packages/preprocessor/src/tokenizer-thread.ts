/** What runs on a thread of the pool: keeps tokenizers, answers one question after the other. */
import { parentPort } from "node:worker_threads";
import { messageOf } from "./errors.ts";
import type { TokenizeAnswer, TokenizeQuestion } from "./tokenizer-pool.ts";
import { Tokenizer } from "./tokenizer.ts";

const tokenizers = new Map<number, Tokenizer>();

function tokenizerOf({ tokenizer: name, files }: TokenizeQuestion): Tokenizer {
  const known = tokenizers.get(name);
  if (known) return known;
  if (!files) throw new Error(`tokenizer ${name} is not known here`);
  const made = new Tokenizer(files);
  tokenizers.set(name, made);
  return made;
}

parentPort?.on("message", (question: TokenizeQuestion) => {
  if (question.forget !== undefined) tokenizers.delete(question.forget);
  try {
    const ids = Uint32Array.from(tokenizerOf(question).encode(question.text, question.addSpecialTokens));
    parentPort?.postMessage({ ids } satisfies TokenizeAnswer, [ids.buffer]);
  } catch (error) {
    parentPort?.postMessage({ error: messageOf(error) } satisfies TokenizeAnswer);
  }
});
