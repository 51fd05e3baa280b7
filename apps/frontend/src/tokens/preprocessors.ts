/**
 * What the frontend knows of models that take tokens: tokenizer, chat template and so on, read when their first card is
 * seen.
 */
import type { ModelCard } from "@dynamo/discovery";
import { Preprocessor, TokenizerPool, mdcSum } from "@dynamo/preprocessor";
import type { Logger } from "@dynamo/request-plane-core";
import { HttpError } from "../errors.ts";
import type { Model } from "../model.ts";

/** How long to wait before files that couldn't be used are read again, in milliseconds; doubled each time. */
const AGAIN_MS = 1_000;
const LONGEST_MS = 60_000;

/** A card whose files couldn't be used, until they are read again. */
interface Failure {
  readonly message: string;
  readonly waitMs: number;
  /** On the clock of `performance.now`. */
  readonly againAt: number;
  readonly timer: NodeJS.Timeout;
}

export class Preprocessors {
  readonly #logger: Logger;
  readonly #pool = new TokenizerPool();
  /** By the checksum of the card, which replicas share wherever their files are. */
  readonly #loading = new Map<string, Promise<Preprocessor>>();
  /** The checksums of those that are there. */
  readonly #loaded = new Set<string>();
  readonly #failures = new Map<ModelCard, Failure>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Reads the files of new models, and forgets models that are gone. */
  update(models: Iterable<Model>): void {
    const cards = new Set<ModelCard>();
    for (const model of models) {
      for (const card of tokenCards(model)) cards.add(card);
      // Whoever asks for the model is told; here it is enough that it is logged.
      if (takesTokens(model)) this.of(model).catch(() => undefined);
    }
    for (const card of this.#failures.keys()) if (!cards.has(card)) this.#forget(card);
    const used = new Set(Array.from(cards, sumOf));
    for (const sum of this.#loading.keys()) if (!used.has(sum)) this.#drop(sum);
  }

  /** Whether nothing is missing for requests of the model. */
  canServe(model: Model): boolean {
    return !takesTokens(model) || tokenCards(model).some((card) => this.#loaded.has(sumOf(card)));
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
      headers: { "retry-after": String(this.#secondsUntilNext(model)) },
    });
  }

  close(): Promise<void> {
    for (const card of this.#failures.keys()) this.#forget(card);
    for (const sum of this.#loading.keys()) this.#drop(sum);
    return this.#pool.close();
  }

  #load(card: ModelCard): Promise<Preprocessor> {
    const sum = sumOf(card);
    const known = this.#loading.get(sum);
    if (known) return known;
    if (this.#failures.has(card)) return Promise.reject(new Error("Its files are read again later"));
    return this.#read(card, sum);
  }

  /** @param before the failure of the time before, when there was one */
  #read(card: ModelCard, sum: string, before?: Failure): Promise<Preprocessor> {
    const loading = Preprocessor.load(card, this.#pool);
    this.#loading.set(sum, loading);
    const isWanted = (): boolean => this.#loading.get(sum) === loading;
    loading.then(
      () => {
        if (!isWanted()) return;
        this.#loaded.add(sum);
        if (before) this.#logger.info({ model: card.display_name }, "The files of a model can be used now");
      },
      (error: unknown) => {
        if (!isWanted()) return;
        this.#loading.delete(sum);
        this.#failed(card, error, before);
      },
    );
    return loading;
  }

  #failed(card: ModelCard, error: unknown, before: Failure | undefined): void {
    const message = String(error);
    const waitMs = before ? Math.min(before.waitMs * 2, LONGEST_MS) : AGAIN_MS;
    const timer = setTimeout(() => this.#readAgain(card), waitMs).unref();
    this.#failures.set(card, { message, waitMs, againAt: performance.now() + waitMs, timer });
    // Said once: the next times it is the same.
    if (message === before?.message) return;
    const facts = { err: error, model: card.display_name, source: card.source_path };
    this.#logger.error(facts, "The files of a model can't be used, and it isn't served; they are read again");
  }

  #readAgain(card: ModelCard): void {
    const failure = this.#failures.get(card);
    this.#failures.delete(card);
    const sum = sumOf(card);
    // Another worker may have had the same files elsewhere.
    if (!this.#loading.has(sum)) this.#read(card, sum, failure).catch(() => undefined);
  }

  #secondsUntilNext(model: Model): number {
    const waits = tokenCards(model).map((card) => this.#failures.get(card)?.againAt ?? Infinity);
    const next = Math.min(...waits) - performance.now();
    return Number.isFinite(next) ? Math.max(1, Math.ceil(next / 1000)) : 1;
  }

  #forget(card: ModelCard): void {
    clearTimeout(this.#failures.get(card)?.timer);
    this.#failures.delete(card);
  }

  #drop(sum: string): void {
    this.#loading.delete(sum);
    this.#loaded.delete(sum);
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
