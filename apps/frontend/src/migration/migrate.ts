/**
 * Keeps the answer to one request going when a worker is lost: the next worker gets the prompt and the tokens so far, and
 * the client sees one answer.
 *
 * Source: kv-verified notes, sections 1.6 and 2.4; lib/llm/src/migration.rs of ai-dynamo/dynamo.
 */
import type { EngineOutput, PreprocessedRequest } from "@dynamo/preprocessor/protocol";
import type { EngineCall, EngineItems } from "../tokens/engine-call.ts";
import { canMove, isMigratable } from "./migratable.ts";
import { Progress } from "./progress.ts";

/** Dynamo's names for when a worker was lost: while it answered, or before. */
export type MigrationType = "ongoing_request" | "new_request";
export type MigrationOutcome = "success" | "failure" | "cancelled";

/** Told what happens, for metrics and logs. */
export interface MigrationObserver {
  /** A worker was lost. Called also when the request can't move on. */
  lost(type: MigrationType, error: unknown): void;
  /** The request has another worker now, or will have none. `startedAt` is when its last one was lost. */
  settled(type: MigrationType, outcome: MigrationOutcome, startedAt: number): void;
  /** The request has become too long to be kept for another worker. */
  tooLong(): void;
}

export interface MigrationOptions {
  /** How often the request may be sent again; 0 is never. */
  readonly limit: number;
  /** Longest prompt and answer together, in tokens, that are kept for another worker. Default: no limit. */
  readonly maxSequence?: number | undefined;
  /** Aborted when the client is gone: then no further worker is asked. */
  readonly signal: AbortSignal;
  readonly observer: MigrationObserver;
}

/**
 * Resolves when a worker begins to answer. Rejects with the first worker's error when none does, and the items throw
 * that of the worker that was lost when none can go on. Items are those of the workers, except that usage and sums of
 * probabilities are of the whole answer.
 */
export async function migrate(
  request: PreprocessedRequest,
  call: EngineCall,
  options: MigrationOptions,
): Promise<EngineItems> {
  const migration = new Migration(request, call, options);
  const items = await migration.begin();
  return migration.follow(items);
}

/** A worker that was lost, and when. */
interface Loss {
  readonly type: MigrationType;
  readonly at: number;
}

class Migration {
  readonly #request: PreprocessedRequest;
  readonly #call: EngineCall;
  readonly #options: MigrationOptions;
  readonly #progress: Progress;
  #left: number;

  constructor(request: PreprocessedRequest, call: EngineCall, options: MigrationOptions) {
    this.#request = request;
    this.#call = call;
    this.#options = options;
    this.#progress = new Progress(request);
    this.#left = canMove(request) ? options.limit : 0;
  }

  async begin(): Promise<EngineItems> {
    try {
      return await this.#call(this.#request);
    } catch (error) {
      if (!isMigratable(error)) throw error;
      return this.#moveOn(this.#lose("new_request", error), error);
    }
  }

  async *follow(first: EngineItems): AsyncGenerator<readonly EngineOutput[], void, undefined> {
    for (let items: EngineItems | undefined = first; items;) {
      try {
        for await (const batch of items) yield this.#take(batch);
        return;
      } catch (error) {
        if (!isMigratable(error)) throw error;
        // All was said, only the mark of a whole response is missing.
        if (this.#progress.isFinished) return;
        items = await this.#recover(error);
      }
    }
    const end = this.#progress.missingEnd();
    if (end) yield this.#progress.take([end]);
  }

  #take(batch: readonly EngineOutput[]): readonly EngineOutput[] {
    const items = this.#progress.take(batch);
    const { maxSequence = Infinity, observer } = this.#options;
    if (this.#left > 0 && this.#progress.length > maxSequence) {
      this.#left = 0;
      observer.tooLong();
    }
    if (this.#left === 0) this.#progress.forget();
    return items;
  }

  /** What the next worker sends; `undefined` when all that is missing is the end. */
  async #recover(error: unknown): Promise<EngineItems | undefined> {
    const loss = this.#lose("ongoing_request", error);
    if (this.#progress.missingEnd()) {
      this.#settle(loss, "success");
      return undefined;
    }
    return this.#moveOn(loss, error);
  }

  /** Rejects with the error that the worker was lost with: what others say of a request cut in two helps nobody. */
  async #moveOn(loss: Loss, cause: unknown): Promise<EngineItems> {
    while (this.#left > 0 && !this.#options.signal.aborted) {
      this.#left -= 1;
      try {
        const items = await this.#call(this.#progress.next());
        this.#settle(loss, "success");
        return items;
      } catch (error) {
        if (!isMigratable(error)) break;
        this.#options.observer.lost("new_request", error);
      }
    }
    this.#settle(loss, this.#options.signal.aborted ? "cancelled" : "failure");
    throw cause;
  }

  #lose(type: MigrationType, error: unknown): Loss {
    this.#options.observer.lost(type, error);
    return { type, at: performance.now() };
  }

  #settle({ type, at }: Loss, outcome: MigrationOutcome): void {
    this.#options.observer.settled(type, outcome, at);
  }
}
