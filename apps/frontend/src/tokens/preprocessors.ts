/**
 * What the frontend knows of models that take tokens: tokenizer, chat template and so on, read when their first card is
 * seen.
 */
import type { ModelCard } from "@dynamo/discovery";
import { Preprocessor, TokenizerPool, mdcSum } from "@dynamo/preprocessor";
import type { Logger } from "@dynamo/request-plane-core";
import { HttpError } from "../errors.ts";
import type { Model } from "../model.ts";

/** How long to wait before files that couldn't be used are read again, in milliseconds. */
const AGAIN_MS = 5_000;

export class Preprocessors {
  readonly #logger: Logger;
  readonly #pool = new TokenizerPool();
  /** By the checksum of the card, which replicas share wherever their files are. */
  readonly #loaded = new Map<string, Promise<Preprocessor>>();
  /** When the files of a card couldn't be used. */
  readonly #failures = new WeakMap<ModelCard, number>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Reads the files of new models, and forgets models that are gone. */
  update(models: Iterable<Model>): void {
    const used = new Set<string>();
    for (const model of models) {
      const cards = tokenCards(model);
      for (const card of cards) used.add(sumOf(card));
      // Whoever asks for the model is told; here it is enough that it is logged.
      if (cards.length > 0) this.of(model).catch(() => undefined);
    }
    for (const sum of this.#loaded.keys()) if (!used.has(sum)) this.#loaded.delete(sum);
  }

  /** Rejects with an {@link HttpError} of status 503 when the files of none of the model's cards can be used. */
  async of(model: Model): Promise<Preprocessor> {
    for (const card of tokenCards(model)) {
      try {
        return await this.#load(card);
      } catch {
        // It was logged, and another worker may have the same files elsewhere.
      }
    }
    throw new HttpError(503, `Model '${model.name}' can't be served: its files can't be used`, {
      headers: { "retry-after": String(AGAIN_MS / 1000) },
    });
  }

  close(): Promise<void> {
    this.#loaded.clear();
    return this.#pool.close();
  }

  #load(card: ModelCard): Promise<Preprocessor> {
    const sum = sumOf(card);
    const known = this.#loaded.get(sum);
    if (known) return known;
    const failedAt = this.#failures.get(card);
    if (failedAt !== undefined && performance.now() - failedAt < AGAIN_MS)
      throw new Error("It failed just now");
    const loading = Preprocessor.load(card, this.#pool);
    this.#loaded.set(sum, loading);
    loading.catch((error: unknown) => {
      if (this.#loaded.get(sum) === loading) this.#loaded.delete(sum);
      this.#failures.set(card, performance.now());
      this.#logger.error({ err: error, model: card.display_name }, "The files of a model can't be used");
    });
    return loading;
  }
}

const sums = new WeakMap<ModelCard, string>();

/** Hashing a card for each request would take longer than anything else here. */
function sumOf(card: ModelCard): string {
  const known = sums.get(card);
  if (known !== undefined) return known;
  const sum = mdcSum(card);
  sums.set(card, sum);
  return sum;
}

/** Whether the model's workers take tokens, and not OpenAI's JSON. */
export function takesTokens(model: Model): boolean {
  return tokenCards(model).length > 0;
}

function tokenCards(model: Model): ModelCard[] {
  return [...model.cards()].filter(({ model_input: input }) => input === "Tokens");
}
